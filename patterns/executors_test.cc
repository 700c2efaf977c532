#include "weft/patterns/executors.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/chan/internal/test_util.h"
#include "weft/context/context.h"
#include "weft/patterns/crontab.h"
#include "weft/patterns/routine.h"
#include "weft/sched/catch_panic.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft::routine {
namespace {

using chan_internal::PanicOf;
using weft::testing::RunInFiber;

using ExecutorsTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, ExecutorsTest, weft::testing::kWorkerCounts);

const absl::Status kFailure = absl::InternalError("failure");

absl::Status Fail(const Context&) { return kFailure; }
absl::Status Succeed(const Context&) { return absl::OkStatus(); }
absl::Status UntilCancelled(const Context& ctx) {
  ctx.Done().Recv();
  return ctx.Err();
}

TEST_P(ExecutorsTest, GuaranteeHidesErrorsAndPanicsAndCanTell) {
  std::string told;
  const auto on_error = [&](const absl::Status& s) { told += s.ToString(); };
  const auto on_panic = [&](const std::exception_ptr& p) { told += DescribePanic(p).substr(0, 6); };
  EXPECT_TRUE(Guarantee(Fail)(Background()).ok());
  EXPECT_TRUE(Guarantee(Fail, on_error, on_panic)(Background()).ok());
  EXPECT_EQ(told, kFailure.ToString());
  told.clear();
  EXPECT_TRUE(Guarantee([](const Context&) -> absl::Status { Panic("broken"); }, on_error,
                        on_panic)(Background())
                  .ok());
  EXPECT_EQ(told, "broken");
}

TEST_P(ExecutorsTest, RetryStopsAtSuccessOrAfterTheAttempts) {
  std::vector<int> attempts;
  const Executor third = [&](const Context& ctx) {
    attempts.push_back(RetryFrom(ctx));
    return attempts.size() == 3 ? absl::OkStatus() : kFailure;
  };
  EXPECT_TRUE(Retry(5, third)(Background()).ok());
  EXPECT_EQ(attempts, (std::vector<int>{1, 2, 3}));
  attempts.clear();
  EXPECT_EQ(Retry(2, third)(Background()), kFailure);
  EXPECT_EQ(attempts, (std::vector<int>{1, 2}));
  attempts.clear();
  EXPECT_EQ(Retry(0, third)(Background()), kFailure);
  EXPECT_EQ(attempts, std::vector<int>{1}) << "once at least";
  EXPECT_EQ(RetryFrom(Background()), 0);
}

TEST_P(ExecutorsTest, RetryWaitsByItsBackoffAsLongAsTheContextLives) {
  std::vector<int> asked;
  auto [ctx, cancel] = WithCancel(Background());
  const Executor e = Retry(10, Fail, [&, cancel = cancel](int attempt) {
    asked.push_back(attempt);
    if (attempt < 3) return absl::ZeroDuration();
    cancel();
    return absl::Hours(1);
  });
  EXPECT_EQ(e(ctx), kFailure) << "the attempt's error, not the context's";
  EXPECT_EQ(asked, (std::vector<int>{1, 2, 3}));
}

TEST_P(ExecutorsTest, RepeatRunsSoOftenAndStopsAtAnError) {
  std::vector<int> runs;
  const Executor count = [&](const Context& ctx) {
    runs.push_back(RepeatFrom(ctx));
    return runs.size() == 4 ? kFailure : absl::OkStatus();
  };
  EXPECT_TRUE(Repeat(3, absl::ZeroDuration(), count)(Background()).ok());
  EXPECT_EQ(runs, (std::vector<int>{1, 2, 3}));
  runs.clear();
  EXPECT_EQ(Repeat(0, absl::Microseconds(1), count)(Background()), kFailure)
      << "for ever, but for the error";
  EXPECT_EQ(runs.size(), 4u);
}

TEST_P(ExecutorsTest, TheContextEndsTheIntervalOfARepeat) {
  auto [ctx, cancel] = WithCancel(Background());
  int runs = 0;
  const Executor e = Repeat(0, absl::Hours(1), [&, cancel = cancel](const Context&) {
    ++runs;
    cancel();
    return absl::OkStatus();
  });
  EXPECT_EQ(e(ctx).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(runs, 1);
}

TEST_P(ExecutorsTest, TimeoutAndDeadlineEndTheContext) {
  EXPECT_EQ(Timeout(absl::Milliseconds(1), UntilCancelled)(Background()).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Deadline(absl::UnixEpoch(), UntilCancelled)(Background()).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(Timeout(absl::Hours(1), Succeed)(Background()).ok());
}

TEST_P(ExecutorsTest, ConcurrentRunsAllCopiesAtOnceAndReturnsTheirErrors) {
  RunInFiber([] {
    std::atomic<int> inside{0};
    const Executor e = Concurrent(5, [&](const Context&) {
      ++inside;
      while (inside < 5) Gosched();  // only if all are inside at once does anybody leave
      return absl::OkStatus();
    });
    EXPECT_TRUE(e(Background()).ok());
    EXPECT_EQ(Concurrent(2, Fail)(Background()), absl::InternalError("failure; failure"));
    EXPECT_TRUE(Concurrent(0, Fail)(Background()).ok());
  });
}

TEST_P(ExecutorsTest, ParallelWaitsForAllAndOnesErrorIsNotTheOthersEnd) {
  RunInFiber([] {
    bool ran = false;
    const absl::Status s =
        Parallel({Fail,
                  [&](const Context& ctx) {
                    for (int i = 0; i < 10; ++i) Gosched();
                    ran = ctx.Err().ok();
                    return absl::OkStatus();
                  },
                  [](const Context&) { return absl::DataLossError("lost"); }})(Background());
    EXPECT_EQ(s, absl::InternalError("failure; lost"));
    EXPECT_TRUE(ran);
    EXPECT_EQ(PanicOf([] {
                (void)Parallel({UntilCancelled, [](const Context&) -> absl::Status {
                                  Panic("thrown");
                                }})(Background());
              }),
              "thrown");
  });
}

TEST_P(ExecutorsTest, AppendStopsAtTheFirstErrorAndTellsItsPlace) {
  bool reached = false;
  const absl::Status s = Append({Succeed, Fail, [&](const Context&) {
                                   reached = true;
                                   return absl::OkStatus();
                                 }})(Background());
  EXPECT_EQ(s, absl::InternalError("no(1): failure"));
  EXPECT_FALSE(reached);
  EXPECT_TRUE(Append({})(Background()).ok());
}

// A clock that is where the sleeper wants it to be.
class FakeClock {
 public:
  explicit FakeClock(absl::Time now) : now_(now) {}
  Clock AsClock() {
    return {.now = [this] { return now_; },
            .sleep_until =
                [this](const Context& ctx, absl::Time t) {
                  if (ctx.Err().ok()) now_ = std::max(now_, t);
                  return ctx.Err();
                }};
  }
  void Advance(absl::Duration d) { now_ += d; }

 private:
  absl::Time now_;
};

TEST_P(ExecutorsTest, CrontabRunsAtEachTimeOfThePlanUntilAnError) {
  FakeClock clock(absl::UnixEpoch());
  std::vector<absl::Time> runs;
  const absl::Status s = Crontab(
      *CronPlan::Parse("*/10 * * * *"),
      [&](const Context& ctx) {
        runs.push_back(*CrontabFrom(ctx));
        return runs.size() == 3 ? kFailure : absl::OkStatus();
      },
      clock.AsClock())(Background());
  EXPECT_EQ(s, kFailure);
  EXPECT_EQ(runs, (std::vector<absl::Time>{absl::FromUnixSeconds(600), absl::FromUnixSeconds(1200),
                                           absl::FromUnixSeconds(1800)}));
  EXPECT_EQ(CrontabFrom(Background()), std::nullopt);
}

TEST_P(ExecutorsTest, TimesThatPassWhileACrontabRunsAreLeftOutAndNoneComesTwice) {
  FakeClock clock(absl::UnixEpoch());
  std::vector<int64_t> minutes;
  const absl::Status s = Crontab(
      *CronPlan::Parse("* * * * *"),
      [&](const Context& ctx) {
        minutes.push_back(absl::ToUnixSeconds(*CrontabFrom(ctx)) / 60);
        // The second run is slow; during the third the clock is set back.
        clock.Advance(minutes.size() == 2   ? absl::Seconds(150)
                      : minutes.size() == 3 ? -absl::Seconds(200)
                                            : absl::ZeroDuration());
        return minutes.size() == 4 ? kFailure : absl::OkStatus();
      },
      clock.AsClock())(Background());
  EXPECT_EQ(s, kFailure);
  EXPECT_EQ(minutes, (std::vector<int64_t>{1, 2, 5, 6}));
}

TEST_P(ExecutorsTest, ACrontabThatNeverComesUpReturns) {
  EXPECT_TRUE(Crontab(*CronPlan::Parse("0 0 30 2 *"), Fail)(Background()).ok());
}

TEST_P(ExecutorsTest, TheContextEndsTheWaitOfACrontab) {
  auto [ctx, cancel] = WithTimeout(Background(), absl::Milliseconds(1));
  EXPECT_EQ(Crontab(*CronPlan::Parse("0 0 29 2 *"), Fail)(ctx).code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_P(ExecutorsTest, TheFirstMiddlewareIsTheOutermost) {
  std::string trace;
  const auto mark = [&](char name) -> Middleware {
    return [&trace, name](Executor inner) -> Executor {
      return [&trace, name, inner](const Context& ctx) {
        trace += name;
        return inner(ctx);
      };
    };
  };
  EXPECT_TRUE(UseMiddleware(Succeed, {mark('a'), mark('b')})(Background()).ok());
  EXPECT_EQ(trace, "ab");
}

}  // namespace
}  // namespace weft::routine
