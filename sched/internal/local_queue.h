// What a processor runs next: the order between its LIFO slot and its run ring.
#ifndef WEFT_SCHED_INTERNAL_LOCAL_QUEUE_H_
#define WEFT_SCHED_INTERNAL_LOCAL_QUEUE_H_

#include "weft/sched/internal/lifo_slot.h"
#include "weft/sched/internal/run_ring.h"

namespace weft::sched_internal {

struct LocalFiber {
  Fiber* fiber = nullptr;
  bool from_slot = false;
};

// Holder only. The slot comes first, however often: two fibers that wake each other share a time
// slice, and its end is what gives the ring its turn. Nobody but a searching thief looks into the
// slot of a processor that goes idle, so whoever is told that there is no fiber must have left none
// there: only the holder fills the slot, and it was seen empty.
inline LocalFiber TakeLocal(LifoSlot& slot, RunRing& ring) {
  // Relaxed: Take() decides.
  if (slot.load(std::memory_order_relaxed) != nullptr) {
    if (Fiber* fiber = slot.Take()) return {fiber, true};
  }
  return {ring.Pop(), false};
}

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_LOCAL_QUEUE_H_
