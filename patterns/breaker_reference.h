// The breaker's rules in their simplest form, as an oracle: it keeps every request with its time
// and counts them anew whenever it is asked.
#ifndef WEFT_PATTERNS_BREAKER_REFERENCE_H_
#define WEFT_PATTERNS_BREAKER_REFERENCE_H_

#include <cstdint>
#include <vector>

#include "weft/patterns/internal/breaker_core.h"

namespace weft {

class BreakerReference {
 public:
  using Outcome = patterns_internal::BreakerCore::Outcome;

  BreakerReference(int64_t max_requests, int64_t interval, int64_t bucket, int64_t timeout,
                   int64_t trip_after)
      : max_requests_(max_requests),
        interval_(interval),
        bucket_(bucket),
        timeout_(timeout),
        trip_after_(trip_after) {}

  BreakerState StateAt(int64_t now) {
    if (state_ == BreakerState::kOpen && now > since_ + timeout_)
      Enter(BreakerState::kHalfOpen, now);
    if (state_ == BreakerState::kClosed && interval_ > 0 && bucket_ == 0 &&
        now > since_ + interval_) {
      Enter(BreakerState::kClosed, now);
    }
    return state_;
  }

  // The number of the request, or -1.
  int64_t Admit(int64_t now) {
    const BreakerState state = StateAt(now);
    const BreakerCounts counts = CountsAt(now);
    if (state == BreakerState::kOpen) return -1;
    if (state == BreakerState::kHalfOpen && counts.requests - counts.exclusions >= max_requests_) {
      return -1;
    }
    requests_.push_back({now, period_});
    return static_cast<int64_t>(requests_.size()) - 1;
  }

  void Record(int64_t now, int64_t request, Outcome outcome) {
    StateAt(now);
    Request& r = requests_[request];
    if (r.period != period_) return;
    r.ended = true;
    r.outcome = outcome;
    if (outcome == Outcome::kExcluded) return;
    const bool success = outcome == Outcome::kSuccess;
    run_ = success == (run_ > 0) ? run_ + (success ? 1 : -1) : (success ? 1 : -1);
    if (state_ == BreakerState::kHalfOpen) {
      if (!success) Enter(BreakerState::kOpen, now);
      if (success && run_ >= max_requests_) Enter(BreakerState::kClosed, now);
    } else if (!success && CountsAt(now).failures >= trip_after_) {
      Enter(BreakerState::kOpen, now);
    }
  }

  BreakerCounts CountsAt(int64_t now) const {
    BreakerCounts counts;
    for (const Request& r : requests_) {
      if (r.period != period_ || Forgotten(r, now)) continue;
      ++counts.requests;
      if (!r.ended) continue;
      counts.successes += r.outcome == Outcome::kSuccess;
      counts.failures += r.outcome == Outcome::kFailure;
      counts.exclusions += r.outcome == Outcome::kExcluded;
    }
    counts.consecutive_successes = run_ > 0 ? run_ : 0;
    counts.consecutive_failures = run_ < 0 ? -run_ : 0;
    return counts;
  }

 private:
  struct Request {
    int64_t at;
    int64_t period;
    bool ended = false;
    Outcome outcome = Outcome::kExcluded;
  };

  bool Forgotten(const Request& r, int64_t now) const {
    if (bucket_ == 0 || state_ != BreakerState::kClosed) return false;
    return (r.at - since_) / bucket_ <= (now - since_) / bucket_ - interval_ / bucket_;
  }

  void Enter(BreakerState state, int64_t now) {
    state_ = state;
    since_ = now;
    run_ = 0;
    ++period_;
  }

  const int64_t max_requests_, interval_, bucket_, timeout_, trip_after_;
  BreakerState state_ = BreakerState::kClosed;
  int64_t since_ = 0;
  int64_t period_ = 0;
  int64_t run_ = 0;  // consecutive successes, or minus consecutive failures
  std::vector<Request> requests_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_BREAKER_REFERENCE_H_
