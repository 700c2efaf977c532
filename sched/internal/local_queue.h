// What a processor runs next: the order between its LIFO slot and its run ring.
#ifndef WEFT_SCHED_INTERNAL_LOCAL_QUEUE_H_
#define WEFT_SCHED_INTERNAL_LOCAL_QUEUE_H_

#include <cstdint>

#include "weft/sched/internal/lifo_slot.h"
#include "weft/sched/internal/run_ring.h"

namespace weft::sched_internal {

struct LocalFiber {
  Fiber* fiber;
  bool from_slot;
};

// So many fibers in a row come from the slot while others wait in the ring: two that wake each
// other may not starve the rest.
inline constexpr uint32_t kMaxLifoStreak = 64;

// Holder only; `streak` counts the fibers that came from the slot. No fiber: the slot is empty, and
// so is the ring or what was in it has been stolen. Nobody but a searching thief looks into the
// slot of a processor that goes idle, so a fiber left there would be lost.
inline LocalFiber TakeLocal(LifoSlot& slot, RunRing& ring, uint32_t& streak) {
  // Relaxed: only the holder fills the slot, and Take() decides.
  const bool filled = slot.load(std::memory_order_relaxed) != nullptr;
  if (filled && (++streak < kMaxLifoStreak || ring.size() == 0)) {
    if (Fiber* fiber = slot.Take()) return {fiber, true};
  }
  streak = 0;
  if (Fiber* fiber = ring.Pop()) return {fiber, false};
  // size() has counted a fiber that a thief took.
  return {filled ? slot.Take() : nullptr, true};
}

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_LOCAL_QUEUE_H_
