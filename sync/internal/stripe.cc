#include "weft/sync/internal/stripe.h"

#include <algorithm>
#include <bit>

#include "weft/sched/go.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/internal/thread_local.h"
#include "weft/sched/internal/worker.h"

namespace weft::sync_internal {

Place CurrentPlace() {
  const sched_internal::SimHooks* const sim = sched_internal::Sim();
  const int64_t now = sim != nullptr
                          ? sim->now_ns
                          : sched_internal::Scheduler::Instance().sysmon().coarse_now();
  const int processor = sched_internal::CurrentProcessorHint();
  if (processor >= 0) return {static_cast<uint32_t>(processor), now};
  const auto thread = reinterpret_cast<uintptr_t>(sched_internal::CurrentThreadLocals());
  return {static_cast<uint32_t>((thread * 0x9e3779b97f4a7c15) >> 40), now};
}

void LetOthersRun() { Gosched(); }

uint32_t StripeCount() {
  const int processors = std::max(NumCPU(), GOMAXPROCS(0));
  return std::bit_ceil(static_cast<uint32_t>(processors));
}

}  // namespace weft::sync_internal
