// What the model tests put in place of workers and processors: each thread has one of its own, of
// two.
#include <cstdint>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/park.h"
#include "weft/sync/internal/stripe.h"

namespace weft::sync_internal {

Place CurrentPlace() {
  return {static_cast<uint32_t>(reinterpret_cast<uintptr_t>(CurrentParkable())), 0};
}

void LetOthersRun() { sched_internal::ThreadYield(); }

uint32_t StripeCount() { return 2; }

}  // namespace weft::sync_internal
