#include "weft/sched/testing/await_parked.h"

#include "absl/time/time.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/internal/stack_arena.h"
#include "weft/sched/internal/worker.h"

namespace weft::testing {
namespace {

using sched_internal::Fiber;
using sched_internal::ParkToken;

bool OthersAreParked() {
  const sched_internal::SanitizerIgnoreReads ignore;  // some fibers are just being made
  const Fiber* self = sched_internal::CurrentFiber();
  bool parked = true;
  sched_internal::StackArena::Instance().ForEachLive([&](Fiber* fiber) {
    // Relaxed: who is parked stays so, unless somebody wakes it.
    parked &=
        fiber == self || fiber->token.word().load(std::memory_order_relaxed) == ParkToken::kParked;
  });
  return parked;
}

}  // namespace

void AwaitParked() {
  while (!OthersAreParked()) Sleep(absl::Microseconds(100));
}

}  // namespace weft::testing
