// reorder.h: results that come in any order, passed on in the order of their tickets.
//
// Whoever brings the result that is next passes it on, and all that follow it and are there. A
// result that is early stays in a ring; one that is too early for the ring waits, so that memory is
// bounded.
#ifndef WEFT_PATTERNS_INTERNAL_REORDER_H_
#define WEFT_PATTERNS_INTERNAL_REORDER_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "weft/sync/cond.h"
#include "weft/sync/mutex.h"

namespace weft::patterns_internal {

template <typename T>
class Reorder {
 public:
  // Room for `size` early results.
  explicit Reorder(int64_t size) : ring_(size) {}

  // Brings the result of `ticket`, of which there is one each from 0 on. Calls pass_on(T&&) ->
  // bool, by one caller at a time, without a lock held. False: it is over, by Stop() or because
  // pass_on() said so.
  template <typename PassOn>
  bool Bring(int64_t ticket, T result, PassOn pass_on) {
    mu_.lock();
    while (!stopped_ && ticket >= next_ + static_cast<int64_t>(ring_.size())) {
      ++waiting_;
      room_.Wait();
      --waiting_;
    }
    SlotOf(ticket).emplace(std::move(result));
    // Whoever is at it comes to this one, too.
    if (passing_) {
      const bool stopped = stopped_;
      mu_.unlock();
      return !stopped;
    }
    passing_ = true;
    while (!stopped_ && SlotOf(next_)) {
      T next = *std::move(SlotOf(next_));
      SlotOf(next_).reset();
      mu_.unlock();
      const bool passed = pass_on(std::move(next));
      mu_.lock();
      ++next_;
      if (!passed) stopped_ = true;
      if (waiting_ > 0) room_.Broadcast();
    }
    passing_ = false;
    const bool stopped = stopped_;
    mu_.unlock();
    return !stopped;
  }

  // A ticket will not be brought: nobody need wait for it.
  void Stop() {
    MutexLock lock(mu_);
    stopped_ = true;
    room_.Broadcast();
  }

 private:
  std::optional<T>& SlotOf(int64_t ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return ring_[ticket % static_cast<int64_t>(ring_.size())];
  }

  Mutex mu_;
  Cond room_{mu_};
  // Slot ticket % size, for tickets from next_ to next_ + size.
  std::vector<std::optional<T>> ring_ ABSL_GUARDED_BY(mu_);
  int64_t next_ ABSL_GUARDED_BY(mu_) = 0;
  int waiting_ ABSL_GUARDED_BY(mu_) = 0;  // for room
  bool passing_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace weft::patterns_internal

#endif  // WEFT_PATTERNS_INTERNAL_REORDER_H_
