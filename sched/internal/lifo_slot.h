// The fiber that a processor runs next: put there by the holder, who is likely to take it back
// soon, and taken by a thief when it has been there for too long.
//
// Invariant: whoever gets a fiber out, be it displaced, taken or stolen, is alone with it.
#ifndef WEFT_SCHED_INTERNAL_LIFO_SLOT_H_
#define WEFT_SCHED_INTERNAL_LIFO_SLOT_H_

#include "weft/sched/internal/atomic.h"

namespace weft::sched_internal {

struct Fiber;

class LifoSlot : public Atom<Fiber*> {
 public:
  constexpr LifoSlot() : Atom<Fiber*>(nullptr) {}

  // Returns the fiber that `fiber` displaces, or null. Holder only.
  Fiber* Put(Fiber* fiber) {
    // Relaxed: an empty slot stays so, for only the holder fills it.
    if (load(std::memory_order_relaxed) == nullptr) {
      // ORDER(lifo): release; pairs with the acquires in Take() and Steal(). Publishes the fiber.
      // Not seq_cst: whoever goes idle looks at no slot.
      store(fiber, std::memory_order_release);
      return nullptr;
    }
    // ORDER(lifo): acq_rel; release as above, acquire as in Take().
    return exchange(fiber, std::memory_order_acq_rel);
  }

  // Anybody; null if it is empty.
  Fiber* Take() {
    // ORDER(lifo): acquire; pairs with Put().
    return exchange(nullptr, std::memory_order_acquire);
  }

  // Takes `fiber` if it is there. The same fiber put there again does as well.
  bool Steal(Fiber* fiber) {
    // ORDER(lifo): acquire; pairs with Put(). Relaxed on failure: nothing was taken.
    return compare_exchange_strong(fiber, nullptr, std::memory_order_acquire,
                                   std::memory_order_relaxed);
  }
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_LIFO_SLOT_H_
