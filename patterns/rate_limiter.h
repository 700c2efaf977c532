// rate_limiter.h: lets events happen at a rate, and in bursts up to a size.
//
// Go: golang.org/x/time/rate.Limiter: a bucket that starts full with `burst` tokens and is refilled
//   with `rate` tokens a second. Rates are events per second; kInfinite lets everything pass,
//   whatever the burst. Sometimes is in sometimes.h.
//
// Thread safety: all methods. A Reservation: one user at a time.
// Blocks: Wait(): the fiber, or the thread when the caller is not a fiber. The others: nothing.
// Ordering: none.
// Lifetime: must outlive its reservations.
// Misuse: RateLimiter(0, 0) rejects everything. Times that run backwards add no tokens.
// Cost: Allow() a short lock and a look at the clock, about 30 ns; no allocation; 56 bytes.
//
// Allow() is for events that are dropped when they come too fast, Wait() for those that can be put
// off, Reserve() for callers that do the waiting themselves.
//
//   weft::RateLimiter limiter(weft::RateLimiter::Every(absl::Milliseconds(100)), 5);
//   if (absl::Status s = limiter.Wait(ctx); !s.ok()) return s;
#ifndef WEFT_PATTERNS_RATE_LIMITER_H_
#define WEFT_PATTERNS_RATE_LIMITER_H_

#include <cstdint>
#include <limits>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/internal/clock.h"
#include "weft/sync/mutex.h"

namespace weft {

class RateLimiter {
 public:
  static constexpr double kInfinite = std::numeric_limits<double>::infinity();

  // The rate of one event each `interval`; kInfinite if that is not positive.
  static double Every(absl::Duration interval);

  // The time that the forms without one use: follows the monotonic clock.
  static absl::Time Now() { return patterns_internal::Now(); }

  // What Reserve() promises.
  class Reservation {
   public:
    // False if it can never be kept: more was asked for than the burst.
    bool ok() const { return ok_; }

    // How long the caller must wait from `now` before it acts; 0: not at all; infinite if not ok().
    absl::Duration DelayFrom(absl::Time now) const;
    absl::Duration Delay() const { return DelayFrom(Now()); }

    // The event will not happen. Gives back the tokens, as far as nobody has reserved after this.
    void CancelAt(absl::Time now);
    void Cancel() { CancelAt(Now()); }

   private:
    friend class RateLimiter;

    RateLimiter* limiter_ = nullptr;
    bool ok_ = false;
    int64_t tokens_ = 0;
    int64_t act_ns_ = 0;
    double rate_ = 0;  // at the time of reserving; the limiter's may change
  };

  RateLimiter(double rate, int64_t burst);
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  // Whether n events may happen now. If not, nothing is taken.
  bool Allow(int64_t n = 1) { return Take(patterns_internal::NowNanos(), n, 0).ok_; }
  bool AllowAt(absl::Time now, int64_t n = 1);

  // Takes n tokens, of the future if need be, and says when the events may happen.
  Reservation Reserve(int64_t n = 1) { return ReserveAt(Now(), n); }
  Reservation ReserveAt(absl::Time now, int64_t n = 1);

  // Waits until n events may happen. Fails at once, taking nothing, if n is more than the burst
  // (kResourceExhausted), if the context has ended (its error), or if it would end by its deadline
  // before it is time (kDeadlineExceeded). If it ends meanwhile the tokens are given back.
  absl::Status Wait(const Context& ctx, int64_t n = 1);

  void SetRate(double rate) { SetRateAt(Now(), rate); }
  void SetRateAt(absl::Time now, double rate);
  void SetBurst(int64_t burst) { SetBurstAt(Now(), burst); }
  void SetBurstAt(absl::Time now, int64_t burst);

  double rate() const;
  int64_t burst() const;
  // Negative while tokens of the future are reserved.
  double Tokens() const { return TokensAt(Now()); }
  double TokensAt(absl::Time now) const;

 private:
  Reservation Take(int64_t now_ns, int64_t n, int64_t max_wait_ns);
  void Cancel(const Reservation& reservation, int64_t now_ns);
  void Refill(int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  double Refilled(int64_t now_ns) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  double rate_ ABSL_GUARDED_BY(mu_);
  int64_t burst_ ABSL_GUARDED_BY(mu_);
  // What there was at last_ns_.
  double tokens_ ABSL_GUARDED_BY(mu_);
  int64_t last_ns_ ABSL_GUARDED_BY(mu_) = 0;
  // The latest time for which an event is reserved.
  int64_t last_event_ns_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_RATE_LIMITER_H_
