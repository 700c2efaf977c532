#include "weft/patterns/executors.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/patterns/internal/join_errors.h"
#include "weft/patterns/scope.h"
#include "weft/sched/catch_panic.h"

namespace weft::routine {
namespace {

constexpr ContextKey<int> kRetry{"retry"};
constexpr ContextKey<int> kRepeat{"repeat"};
constexpr ContextKey<absl::Time> kCrontab{"crontab"};

absl::Status Wait(const Context& ctx, absl::Duration d) {
  if (!ctx.Err().ok()) return ctx.Err();
  if (d <= absl::ZeroDuration()) return absl::OkStatus();
  return Select(OnRecv(After(d)), OnDone(ctx)) == 0 ? absl::OkStatus() : ctx.Err();
}

int NumberFrom(const Context& ctx, const ContextKey<int>& key) {
  const int* number = ctx.Value(key);
  return number != nullptr ? *number : 0;
}

}  // namespace

int RetryFrom(const Context& ctx) { return NumberFrom(ctx, kRetry); }
int RepeatFrom(const Context& ctx) { return NumberFrom(ctx, kRepeat); }

std::optional<absl::Time> CrontabFrom(const Context& ctx) {
  const absl::Time* time = ctx.Value(kCrontab);
  return time != nullptr ? std::make_optional(*time) : std::nullopt;
}

Executor Guarantee(Executor executor, std::function<void(const absl::Status&)> on_error,
                   std::function<void(std::exception_ptr)> on_panic) {
  return [executor = std::move(executor), on_error = std::move(on_error),
          on_panic = std::move(on_panic)](const Context& ctx) {
    absl::Status s;
    std::exception_ptr panic = CatchPanic([&] { s = executor(ctx); });
    if (panic && on_panic) on_panic(std::move(panic));
    if (!s.ok() && on_error) on_error(s);
    return absl::OkStatus();
  };
}

Executor Retry(int attempts, Executor executor, std::function<absl::Duration(int)> backoff) {
  return
      [attempts, executor = std::move(executor), backoff = std::move(backoff)](const Context& ctx) {
        for (int attempt = 1;; ++attempt) {
          absl::Status s = executor(WithValue(ctx, kRetry, attempt));
          if (s.ok() || attempt >= attempts) return s;
          // The attempt's own error says more than that of the context.
          if (!Wait(ctx, backoff ? backoff(attempt) : absl::ZeroDuration()).ok()) return s;
        }
      };
}

Executor Repeat(int times, absl::Duration interval, Executor executor) {
  return [times, interval, executor = std::move(executor)](const Context& ctx) {
    for (int run = 1;; ++run) {
      if (absl::Status s = executor(WithValue(ctx, kRepeat, run)); !s.ok()) return s;
      if (run == times) return absl::OkStatus();
      if (absl::Status s = Wait(ctx, interval); !s.ok()) return s;
    }
  };
}

Executor Timeout(absl::Duration limit, Executor executor) {
  return [limit, executor = std::move(executor)](const Context& ctx) {
    auto [limited, cancel] = WithTimeout(ctx, limit);
    CancelOnExit stop(cancel);
    return executor(limited);
  };
}

Executor Deadline(absl::Time deadline, Executor executor) {
  return [deadline, executor = std::move(executor)](const Context& ctx) {
    auto [limited, cancel] = WithDeadline(ctx, deadline);
    CancelOnExit stop(cancel);
    return executor(limited);
  };
}

Executor Concurrent(int copies, Executor executor) {
  return Parallel(
      std::vector<Executor>(static_cast<size_t>(std::max(copies, 0)), std::move(executor)));
}

Executor Parallel(std::vector<Executor> executors) {
  return [executors = std::move(executors)](const Context& ctx) {
    std::vector<absl::Status> results(executors.size());
    Scope scope(ctx);
    for (size_t i = 0; i < executors.size(); ++i) {
      // Returns nothing to the scope: one's error is not the others' end. What one throws is.
      scope.Go([&, i](const Context& scope_ctx) { results[i] = executors[i](scope_ctx); });
    }
    (void)scope.Join();
    return patterns_internal::JoinErrors(results);
  };
}

Executor Append(std::vector<Executor> executors) {
  return [executors = std::move(executors)](const Context& ctx) {
    for (size_t i = 0; i < executors.size(); ++i) {
      if (absl::Status s = executors[i](ctx); !s.ok())
        return patterns_internal::Named("no(" + std::to_string(i) + ")", s);
    }
    return absl::OkStatus();
  };
}

Clock Clock::Real() {
  return {.now = absl::Now, .sleep_until = [](const Context& ctx, absl::Time time) {
            for (;;) {
              const absl::Duration left = time - absl::Now();
              if (left <= absl::ZeroDuration()) return absl::OkStatus();
              if (absl::Status s = Wait(ctx, std::min(left, absl::Minutes(1))); !s.ok()) return s;
            }
          }};
}

Executor Crontab(CronPlan plan, Executor executor, Clock clock) {
  return [plan = std::move(plan), executor = std::move(executor),
          clock = std::move(clock)](const Context& ctx) {
    for (absl::Time last = clock.now();;) {
      // A clock that is set back does not bring a time up again.
      last = plan.Next(std::max(last, clock.now()));
      if (last == absl::InfiniteFuture()) return absl::OkStatus();
      if (absl::Status s = clock.sleep_until(ctx, last); !s.ok()) return s;
      if (absl::Status s = executor(WithValue(ctx, kCrontab, last)); !s.ok()) return s;
    }
  };
}

Executor UseMiddleware(Executor executor, const std::vector<Middleware>& middleware) {
  for (auto wrap = middleware.rbegin(); wrap != middleware.rend(); ++wrap)
    executor = (*wrap)(std::move(executor));
  return executor;
}

}  // namespace weft::routine
