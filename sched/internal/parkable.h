// A fiber or a plain thread as something that can wait, and the word on which Park() and Ready()
// meet.
#ifndef WEFT_SCHED_INTERNAL_PARKABLE_H_
#define WEFT_SCHED_INTERNAL_PARKABLE_H_

#include <cstdint>

#include "weft/sched/internal/atomic.h"

namespace weft::sched_internal {

// Meeting point of one parker and, for each park, exactly one notifier.
//
//   kRunning  --Commit()-->  kParked  --Notify() == kMustWake-->  kNotified  --Resume()--> kRunning
//   kRunning  --Notify() == kRemembered-->  kNotified  --TryConsume() or Commit() == false-->
//   kRunning
//
// Invariant: the parker is made runnable only by the notifier that got kMustWake.
class ParkToken {
 public:
  enum class Notification { kRemembered, kMustWake, kTwice };

  // Parker, before it saves its context: true if the notification has come already, and is now used
  // up.
  bool TryConsume() {
    // ORDER(token.early): acquire; pairs with the release in Notify().
    if (word_.load(std::memory_order_acquire) != kNotified) return false;
    word_.store(kRunning,
                std::memory_order_relaxed);  // nobody else writes until the next publication
    return true;
  }

  // On behalf of the parker, once its context is saved: true if it is parked now, and possibly
  // running again elsewhere; false if the notification came first, and is now used up.
  bool Commit() {
    uint32_t expected = kRunning;
    // ORDER(token.park): release; pairs with the acquire in Notify(). Publishes the saved context.
    // Acquire on failure; pairs with the release in Notify().
    if (word_.compare_exchange_strong(expected, kParked, std::memory_order_release,
                                      std::memory_order_acquire)) {
      return true;
    }
    word_.store(kRunning, std::memory_order_relaxed);  // as in TryConsume()
    return false;
  }

  // Notifier. kMustWake: the parker is parked, and the caller must make it runnable.
  Notification Notify() {
    // ORDER(token.notify): release pairs with the acquires in TryConsume() and Commit() and with
    // the parker's resumption; acquire pairs with the release in Commit().
    switch (word_.exchange(kNotified, std::memory_order_acq_rel)) {
      case kParked:
        return Notification::kMustWake;
      case kRunning:
        return Notification::kRemembered;
      default:
        return Notification::kTwice;
    }
  }

  // Parker, when it runs again after kMustWake.
  void Resume() { word_.store(kRunning, std::memory_order_relaxed); }  // as in TryConsume()

  // Whether the owner is parked; for tests.
  bool parked() const { return word_.load(std::memory_order_relaxed) == kParked; }

  // A plain thread sleeps on the word itself.
  Atom<uint32_t>& word() { return word_; }
  static constexpr uint32_t kRunning = 0;
  static constexpr uint32_t kParked = 1;
  static constexpr uint32_t kNotified = 2;

 private:
  Atom<uint32_t> word_{kRunning};
};

}  // namespace weft::sched_internal

namespace weft {

class Parkable {
 public:
  explicit Parkable(bool is_fiber) : is_fiber(is_fiber) {}
  Parkable(const Parkable&) = delete;
  Parkable& operator=(const Parkable&) = delete;

  sched_internal::ParkToken token;
  const bool is_fiber;
};

}  // namespace weft

#endif  // WEFT_SCHED_INTERNAL_PARKABLE_H_
