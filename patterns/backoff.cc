#include "weft/patterns/backoff.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "weft/context/sleep.h"
#include "weft/patterns/internal/clock.h"
#include "weft/sched/panic.h"
#include "weft/sched/timer.h"

namespace weft {
namespace {

constexpr char kPermanent[] = "weft/permanent";
constexpr char kRetryAfter[] = "weft/retry-after";  // the value: nanoseconds

// Two Backoffs of the same instant must not draw the same.
uint64_t NewSeed() {
  static std::atomic<uint64_t> made{0};
  // Relaxed: only the number counts.
  const uint64_t n = made.fetch_add(1, std::memory_order_relaxed);
  return static_cast<uint64_t>(MonotonicNanos()) ^ (n * 0x9e3779b97f4a7c15);
}

absl::Status Unmarked(absl::Status error) {
  error.ErasePayload(kPermanent);
  error.ErasePayload(kRetryAfter);
  return error;
}

std::optional<absl::Duration> AskedWait(const absl::Status& error) {
  std::optional<absl::Duration> wait;
  if (absl::optional<absl::Cord> payload = error.GetPayload(kRetryAfter)) {
    int64_t nanos = 0;
    if (absl::SimpleAtoi(std::string(*payload), &nanos)) wait = absl::Nanoseconds(nanos);
  }
  return wait;
}

}  // namespace

Backoff::Backoff(BackoffOptions options)
    : options_(std::move(options)), interval_(options_.initial), random_state_(NewSeed()) {
  if (options_.initial < absl::ZeroDuration() || options_.multiplier < 1 || options_.jitter < 0 ||
      options_.jitter > 1) {
    Panic("backoff: options make no sense");
  }
}

absl::Duration Backoff::Next() {
  const absl::Duration interval = std::min(interval_, options_.max_interval);
  interval_ = interval >= options_.max_interval / options_.multiplier
                  ? options_.max_interval
                  : interval * options_.multiplier;
  if (options_.jitter == 0) return interval;
  return interval * (1 + options_.jitter * (2 * Random() - 1));
}

// splitmix64: as good as jitter needs, and 8 bytes.
double Backoff::Random() {
  if (options_.random) return options_.random();
  uint64_t z = (random_state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

absl::Status Permanent(absl::Status error) {
  error.SetPayload(kPermanent, absl::Cord("1"));
  return error;
}

absl::Status RetryAfter(absl::Status error, absl::Duration wait) {
  // Not the string itself: clang and gcc name that constructor of Cord differently.
  const std::string nanos = absl::StrCat(absl::ToInt64Nanoseconds(wait));
  error.SetPayload(kRetryAfter, absl::Cord(nanos.c_str()));
  return error;
}

Retry::Retry(RetryOptions options)
    : options_([&] {
        if (!options.now) options.now = patterns_internal::Now;
        if (!options.sleep) {
          options.sleep = [](const Context& ctx, absl::Duration d) { return Sleep(ctx, d); };
        }
        return std::move(options);
      }()) {}

Retry::Attempts::Attempts(const RetryOptions& options)
    : options_(options), backoff_(options.backoff), start_(options.now()) {}

std::optional<absl::Status> Retry::Attempts::Failed(const Context& ctx, const absl::Status& error) {
  ++tries_;
  if (tries_ == options_.max_tries || error.GetPayload(kPermanent)) return Unmarked(error);
  if (!ctx.Err().ok()) return Cause(ctx);
  absl::Duration wait = backoff_.Next();
  if (std::optional<absl::Duration> asked = AskedWait(error)) {
    wait = *asked;
    backoff_.Reset();
  }
  if (options_.now() - start_ + wait > options_.max_elapsed) return Unmarked(error);
  if (options_.notify) options_.notify(Unmarked(error), wait);
  if (!options_.sleep(ctx, wait).ok()) return Cause(ctx);
  return std::nullopt;
}

}  // namespace weft
