// backoff.h: how long to wait before the next attempt, and attempts that wait so.
//
// Go: github.com/cenkalti/backoff/v5: ExponentialBackOff with its defaults, ConstantBackOff, Retry,
//   Permanent, RetryAfter, WithMaxTries, WithMaxElapsedTime, WithNotify. Differences: what
//   Permanent and RetryAfter wrap are statuses, marked by a payload, which Retry() takes off what
//   it returns.
//
// Thread safety: a Backoff: one user at a time. Retry: Execute() from anywhere.
// Blocks: Execute(): as long as the attempts and the waits between them. The others: nothing.
// Ordering: none.
// Misuse: a negative initial interval, a multiplier below 1, or a jitter outside of [0, 1] panics.
// Cost: an attempt that succeeds: nothing. A wait: a sleep.
//
// With jitter j each wait is drawn from [(1-j) * interval, (1+j) * interval], so that those who
// failed together do not come back together. The interval grows until max_interval.
//
//   weft::Retry retry({.max_tries = 5});
//   absl::StatusOr<Page> page = retry.Execute(ctx, [&](const weft::Context& ctx) {
//     absl::StatusOr<Page> page = Fetch(ctx, url);
//     if (absl::IsNotFound(page.status())) page = weft::Permanent(page.status());
//     return page;
//   });
#ifndef WEFT_PATTERNS_BACKOFF_H_
#define WEFT_PATTERNS_BACKOFF_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/policy.h"

namespace weft {

struct BackoffOptions {
  absl::Duration initial = absl::Milliseconds(500);
  double multiplier = 1.5;
  double jitter = 0.5;
  absl::Duration max_interval = absl::Seconds(60);
  // A number from [0, 1). Empty: a generator of the Backoff's own, seeded by the clock.
  std::function<double()> random = nullptr;

  // Always `interval`.
  static BackoffOptions Constant(absl::Duration interval) {
    return {.initial = interval, .multiplier = 1, .jitter = 0, .max_interval = interval};
  }
};

class Backoff {
 public:
  explicit Backoff(BackoffOptions options = {});

  // How long to wait now; the next wait is longer.
  absl::Duration Next();

  // Begins anew with the initial interval.
  void Reset() { interval_ = options_.initial; }

 private:
  double Random();

  BackoffOptions options_;
  absl::Duration interval_;
  uint64_t random_state_;
};

// Marks an error as one that another attempt will not cure.
absl::Status Permanent(absl::Status error);
// Marks an error as one after which the next attempt is to be made in `wait`, whatever the backoff.
absl::Status RetryAfter(absl::Status error, absl::Duration wait);

struct RetryOptions {
  BackoffOptions backoff = {};
  // 0: any number.
  int64_t max_tries = 0;
  // No wait begins that would end later than this after the first attempt began; infinite: none is
  // too long.
  absl::Duration max_elapsed = absl::Minutes(15);
  // Called before each wait.
  std::function<void(const absl::Status& error, absl::Duration wait)> notify = nullptr;
  // The clock, and what waits by it. Empty: the monotonic clock, and Sleep(ctx, d).
  std::function<absl::Time()> now = nullptr;
  std::function<absl::Status(const Context&, absl::Duration)> sleep = nullptr;
};

class Retry {
 public:
  explicit Retry(RetryOptions options = {});

  // Calls op(ctx) until it returns OK, or something that Permanent() has marked, or the options or
  // the context say that it is enough. Returns what the last attempt returned; the context's cause
  // if that ended the wait.
  template <Operation Op>
  OperationResult<Op> Execute(const Context& ctx, Op&& op) const {
    Attempts attempts(options_);
    for (;;) {
      OperationResult<Op> result = op(ctx);
      if (StatusOf(result).ok()) return result;
      if (std::optional<absl::Status> end = attempts.Failed(ctx, StatusOf(result))) {
        return *std::move(end);
      }
    }
  }

 private:
  // The attempts of one Execute().
  class Attempts {
   public:
    explicit Attempts(const RetryOptions& options);
    // Waits for the next attempt. If there is to be none, the error to return.
    std::optional<absl::Status> Failed(const Context& ctx, const absl::Status& error);

   private:
    const RetryOptions& options_;
    Backoff backoff_;
    const absl::Time start_;
    int64_t tries_ = 0;
  };

  const RetryOptions options_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_BACKOFF_H_
