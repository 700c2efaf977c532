// executors.h: executors made of executors.
//
// Go: github.com/x-mod/routine: Guarantee, Retry, Repeat, Crontab, Timeout, Deadline, Concurrent,
//   Parallel, Append, UseExecutorMiddleware. Differences: every wait ends with the context;
//   Concurrent and Parallel return errors; Guarantee can tell what it hid; Retry can wait between
//   attempts; what an executor throws passes through all but Guarantee.
//
// Thread safety: an executor may be run by several at once, if those that it is made of may.
// Blocks: as those that it is made of; Retry, Repeat and Crontab also wait in between, as long as
//   the context lives.
// Lifetime: an Executor owns those that it is made of.
// Cost: a std::function each; Concurrent and Parallel: a fiber for each run.
//
//   using namespace weft::routine;
//   Executor fetch = Retry(3, Timeout(absl::Seconds(1), FetchOnce));
//   absl::Status s = Repeat(0, absl::Minutes(5), Guarantee(fetch))(ctx);    // until ctx ends
#ifndef WEFT_PATTERNS_EXECUTORS_H_
#define WEFT_PATTERNS_EXECUTORS_H_

#include <exception>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/crontab.h"
#include "weft/patterns/routine.h"

namespace weft::routine {

// Returns OK whatever happens. What did happen is told to the functions, if there are any.
Executor Guarantee(Executor executor, std::function<void(const absl::Status&)> on_error = nullptr,
                   std::function<void(std::exception_ptr)> on_panic = nullptr);

// Runs it until it returns OK, at most `attempts` times (and once at least), and returns the last
// error. Waits for backoff(n) after the n-th attempt, counted from 1; without it not at all. Gives
// up when the context has ended.
Executor Retry(int attempts, Executor executor,
               std::function<absl::Duration(int attempt)> backoff = nullptr);

// Runs it `times` times, for ever if that is not positive, with `interval` after each; stops at the
// first error.
Executor Repeat(int times, absl::Duration interval, Executor executor);

// Ends its context in time. It is waited for: it has to look.
Executor Timeout(absl::Duration limit, Executor executor);
Executor Deadline(absl::Time deadline, Executor executor);

// Runs it `copies` times at once. Waits for all, and returns all errors as one: the code of the
// first copy's that failed.
Executor Concurrent(int copies, Executor executor);

// Runs all at once, in the same way.
Executor Parallel(std::vector<Executor> executors);

// Runs one after the other, and stops at the first error, which it tells the place of, counted from
// 0.
Executor Append(std::vector<Executor> executors);

// Time, for Crontab: the real one, unless a test brings its own.
struct Clock {
  std::function<absl::Time()> now;
  // Returns once it is `time`, or ctx.Err().
  std::function<absl::Status(const Context& ctx, absl::Time time)> sleep_until;

  // The wall clock, looked at once a minute, so that a clock that is set does not go unnoticed.
  static Clock Real();
};

// Runs it whenever the plan comes up, one run at a time: times that pass while it runs are left
// out. Stops at the first error. Returns OK if the plan never comes up again.
Executor Crontab(CronPlan plan, Executor executor, Clock clock = Clock::Real());

// Which attempt of the Retry around it this is, or which run of the Repeat, counted from 1; 0 if
// there is none around.
int RetryFrom(const Context& ctx);
int RepeatFrom(const Context& ctx);
// Which time of the plan this run of a Crontab is for.
std::optional<absl::Time> CrontabFrom(const Context& ctx);

// What wraps an executor. The first of the list is the outermost.
using Middleware = std::function<Executor(Executor)>;
Executor UseMiddleware(Executor executor, const std::vector<Middleware>& middleware);

}  // namespace weft::routine

#endif  // WEFT_PATTERNS_EXECUTORS_H_
