// sometimes.h: does something the first times, every so many times, and every so often.
//
// Go: golang.org/x/time/rate.Sometimes. All zero: exactly once.
//
// Thread safety: Do() from anywhere.
// Blocks: Do(): while another runs its function.
// Ordering: the calls of Do() are one after the other.
// Misuse: Do() inside of its own function deadlocks. A call whose function panics does not count.
// Cost: a short lock, and a look at the clock if there is an interval; no allocation.
//
//   weft::Sometimes sometimes({.first = 3, .interval = absl::Seconds(10)});
//   for (;;) sometimes.Do([&] { std::printf("still alive, %d fibers\n", weft::NumFiber()); });
#ifndef WEFT_PATTERNS_SOMETIMES_H_
#define WEFT_PATTERNS_SOMETIMES_H_

#include <cstdint>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "weft/patterns/internal/clock.h"
#include "weft/sync/mutex.h"

namespace weft {

class Sometimes {
 public:
  // A call runs if any of these says so; the first call always runs.
  struct When {
    int64_t first = 0;                               // the first so many calls
    int64_t every = 0;                               // each call whose number it divides, from 0
    absl::Duration interval = absl::ZeroDuration();  // if the last that ran was so long ago
  };

  Sometimes() = default;
  explicit Sometimes(When when) : when_(when) {}
  Sometimes(const Sometimes&) = delete;
  Sometimes& operator=(const Sometimes&) = delete;

  // Calls fn(), or does nothing.
  template <typename Fn>
  void Do(Fn&& fn) {
    MutexLock lock(mu_);
    if (IsDue()) {
      std::forward<Fn>(fn)();
      if (when_.interval > absl::ZeroDuration()) last_ = patterns_internal::Now();
    }
    ++count_;
  }

 private:
  bool IsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return count_ == 0 || count_ < when_.first || (when_.every > 0 && count_ % when_.every == 0) ||
           (when_.interval > absl::ZeroDuration() &&
            patterns_internal::Now() - last_ >= when_.interval);
  }

  const When when_;
  Mutex mu_;
  int64_t count_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time last_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weft

#endif  // WEFT_PATTERNS_SOMETIMES_H_
