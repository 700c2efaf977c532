// A one-shot event for one waiting thread, and the system calls under it.
#ifndef WEFT_SCHED_INTERNAL_FUTEX_H_
#define WEFT_SCHED_INTERNAL_FUTEX_H_

#include <cstdint>

#include "weft/sched/internal/atomic.h"

namespace weft::sched_internal {

// Sleeps while word == expected, until `deadline_ns` of the monotonic clock. May return for no
// reason.
void FutexWait(Atom<uint32_t>& word, uint32_t expected, int64_t deadline_ns);
void FutexWake(Atom<uint32_t>& word, int count);

// Set() once, Wait() once, Reset(). Set() may come first.
class Futex {
 public:
  // True: it was set. False: the deadline passed first. `deadline_ns` as MonotonicNanos(),
  // INT64_MAX for none.
  bool Wait(int64_t deadline_ns);

  void Set() {
    // ORDER(futex.set): release; pairs with the acquire in Wait(). Publishes what the setter has
    // prepared.
    if (word_.exchange(kSet, std::memory_order_release) == kWaiting) FutexWake(word_, 1);
  }

  // By the waiter, when nobody can be about to Set().
  void Reset() { word_.store(kClear, std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kClear = 0;
  static constexpr uint32_t kWaiting = 1;
  static constexpr uint32_t kSet = 2;

  Atom<uint32_t> word_{kClear};
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_FUTEX_H_
