#include "weft/patterns/rate_limiter.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "weft/context/sleep.h"

namespace weft {
namespace {

constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

int64_t SaturatedAdd(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? kForever : sum;
}

int64_t NanosFor(double tokens, double rate) {
  if (rate <= 0) return kForever;
  const double nanos = tokens / rate * 1e9;
  return nanos >= static_cast<double>(kForever) ? kForever : static_cast<int64_t>(nanos);
}

double TokensIn(int64_t nanos, double rate) {
  return rate <= 0 ? 0 : static_cast<double>(nanos) / 1e9 * rate;
}

}  // namespace

double RateLimiter::Every(absl::Duration interval) {
  if (interval <= absl::ZeroDuration()) return kInfinite;
  return 1 / absl::ToDoubleSeconds(interval);
}

RateLimiter::RateLimiter(double rate, int64_t burst)
    : rate_(rate), burst_(burst), tokens_(static_cast<double>(burst)) {}

bool RateLimiter::AllowAt(absl::Time now, int64_t n) {
  return Take(absl::ToUnixNanos(now), n, 0).ok_;
}

RateLimiter::Reservation RateLimiter::ReserveAt(absl::Time now, int64_t n) {
  return Take(absl::ToUnixNanos(now), n, kForever);
}

absl::Status RateLimiter::Wait(const Context& ctx, int64_t n) {
  {
    MutexLock lock(mu_);
    if (n > burst_ && rate_ != kInfinite) {
      return absl::ResourceExhaustedError(
          absl::StrCat("rate: Wait(n=", n, ") exceeds limiter's burst ", burst_));
    }
  }
  if (absl::Status ended = ctx.Err(); !ended.ok()) return ended;
  const int64_t now_ns = patterns_internal::NowNanos();
  int64_t max_wait_ns = kForever;
  if (std::optional<absl::Time> deadline = ctx.Deadline()) {
    max_wait_ns = std::max<int64_t>(0, absl::ToUnixNanos(*deadline) - now_ns);
  }
  Reservation reservation = Take(now_ns, n, max_wait_ns);
  if (!reservation.ok_) {
    return absl::DeadlineExceededError(
        absl::StrCat("rate: Wait(n=", n, ") would exceed context deadline"));
  }
  if (reservation.act_ns_ <= now_ns) return absl::OkStatus();
  absl::Status ended = Sleep(ctx, absl::Nanoseconds(reservation.act_ns_ - now_ns));
  if (!ended.ok()) reservation.Cancel();
  return ended;
}

void RateLimiter::SetRateAt(absl::Time now, double rate) {
  MutexLock lock(mu_);
  Refill(absl::ToUnixNanos(now));
  rate_ = rate;
}

void RateLimiter::SetBurstAt(absl::Time now, int64_t burst) {
  MutexLock lock(mu_);
  Refill(absl::ToUnixNanos(now));
  burst_ = burst;
}

double RateLimiter::rate() const {
  MutexLock lock(mu_);
  return rate_;
}

int64_t RateLimiter::burst() const {
  MutexLock lock(mu_);
  return burst_;
}

double RateLimiter::TokensAt(absl::Time now) const {
  MutexLock lock(mu_);
  return Refilled(absl::ToUnixNanos(now));
}

void RateLimiter::Refill(int64_t now_ns) {
  tokens_ = Refilled(now_ns);
  last_ns_ = now_ns;
}

double RateLimiter::Refilled(int64_t now_ns) const {
  const int64_t elapsed_ns = std::max<int64_t>(0, now_ns - last_ns_);
  return std::min(tokens_ + TokensIn(elapsed_ns, rate_), static_cast<double>(burst_));
}

RateLimiter::Reservation RateLimiter::Take(int64_t now_ns, int64_t n, int64_t max_wait_ns) {
  Reservation reservation;
  reservation.limiter_ = this;
  MutexLock lock(mu_);
  reservation.rate_ = rate_;
  if (rate_ == kInfinite) {
    reservation.ok_ = true;
    reservation.tokens_ = n;
    reservation.act_ns_ = now_ns;
    return reservation;
  }
  const double left = Refilled(now_ns) - static_cast<double>(n);
  const int64_t wait_ns = left < 0 ? NanosFor(-left, rate_) : 0;
  if (n > burst_ || wait_ns > max_wait_ns) return reservation;
  reservation.ok_ = true;
  reservation.tokens_ = n;
  reservation.act_ns_ = SaturatedAdd(now_ns, wait_ns);
  tokens_ = left;
  last_ns_ = now_ns;
  last_event_ns_ = reservation.act_ns_;
  return reservation;
}

absl::Duration RateLimiter::Reservation::DelayFrom(absl::Time now) const {
  if (!ok_ || act_ns_ == kForever) return absl::InfiniteDuration();
  return absl::Nanoseconds(std::max<int64_t>(0, act_ns_ - absl::ToUnixNanos(now)));
}

void RateLimiter::Reservation::CancelAt(absl::Time now) {
  if (!ok_) return;
  limiter_->Cancel(*this, absl::ToUnixNanos(now));
  tokens_ = 0;  // once
}

void RateLimiter::Cancel(const Reservation& reservation, int64_t now_ns) {
  MutexLock lock(mu_);
  if (rate_ == kInfinite || reservation.tokens_ == 0 || reservation.act_ns_ < now_ns) return;
  // Those who reserved after this one have been told to wait for its tokens, too: what they took
  // stays taken.
  const double restored = static_cast<double>(reservation.tokens_) -
                          TokensIn(last_event_ns_ - reservation.act_ns_, reservation.rate_);
  if (restored <= 0) return;
  tokens_ = std::min(Refilled(now_ns) + restored, static_cast<double>(burst_));
  last_ns_ = now_ns;
  if (reservation.act_ns_ != last_event_ns_) return;
  const int64_t before =
      reservation.act_ns_ - NanosFor(static_cast<double>(reservation.tokens_), reservation.rate_);
  if (before >= now_ns) last_event_ns_ = before;
}

}  // namespace weft
