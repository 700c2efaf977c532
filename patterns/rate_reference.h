// The token bucket in exact arithmetic, as an oracle for RateLimiter: whole tokens only, a refill
// of one each `interval_ns`, and a list of what is reserved instead of a formula.
#ifndef WEFT_PATTERNS_RATE_REFERENCE_H_
#define WEFT_PATTERNS_RATE_REFERENCE_H_

#include <algorithm>
#include <cstdint>
#include <optional>

namespace weft {

class RateReference {
 public:
  RateReference(int64_t interval_ns, int64_t burst)
      : interval_ns_(interval_ns), burst_(burst), credit_ns_(burst * interval_ns) {}

  // When n events may happen; nothing if that is more than `max_wait_ns` away, or never.
  std::optional<int64_t> Take(int64_t now_ns, int64_t n, int64_t max_wait_ns) {
    if (n > burst_) return std::nullopt;
    const int64_t credit = Refilled(now_ns) - n * interval_ns_;
    const int64_t wait = std::max<int64_t>(0, -credit);
    if (wait > max_wait_ns) return std::nullopt;
    credit_ns_ = credit;
    last_ns_ = now_ns;
    return now_ns + wait;
  }

 private:
  // A token is worth an interval of time, so that nothing has to be divided.
  int64_t Refilled(int64_t now_ns) const {
    return std::min(credit_ns_ + std::max<int64_t>(0, now_ns - last_ns_), burst_ * interval_ns_);
  }

  const int64_t interval_ns_;
  const int64_t burst_;
  int64_t credit_ns_;
  int64_t last_ns_ = 0;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_RATE_REFERENCE_H_
