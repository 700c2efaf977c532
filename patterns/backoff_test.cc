#include "weft/patterns/backoff.h"

#include <algorithm>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using BackoffTest = weft::testing::FiberTest;

// A clock that stands still but for sleeps, which it records.
struct FakeClock {
  absl::Time now = absl::FromUnixSeconds(1000);
  std::vector<absl::Duration> slept;

  RetryOptions Options() {
    RetryOptions options;
    options.backoff.jitter = 0;
    options.now = [this] { return now; };
    options.sleep = [this](const Context& ctx, absl::Duration d) {
      slept.push_back(d);
      now += d;
      return ctx.Err();
    };
    return options;
  }
};

absl::Status Unavailable() { return absl::UnavailableError("try again"); }

TEST_F(BackoffTest, GrowsUntilTheMaximum) {
  Backoff backoff({.initial = absl::Milliseconds(500),
                   .multiplier = 2,
                   .jitter = 0,
                   .max_interval = absl::Seconds(5)});
  for (int ms : {500, 1000, 2000, 4000, 5000, 5000}) {
    EXPECT_EQ(backoff.Next(), absl::Milliseconds(ms));
  }
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(500));
}

TEST_F(BackoffTest, DefaultsAreThoseOfTheGoLibrary) {
  BackoffOptions options;
  EXPECT_EQ(options.initial, absl::Milliseconds(500));
  EXPECT_EQ(options.multiplier, 1.5);
  EXPECT_EQ(options.jitter, 0.5);
  EXPECT_EQ(options.max_interval, absl::Seconds(60));
  EXPECT_EQ(RetryOptions().max_elapsed, absl::Minutes(15));
}

TEST_F(BackoffTest, JitterStaysWithinItsBounds) {
  Backoff backoff({.initial = absl::Seconds(1), .multiplier = 1, .jitter = 0.5});
  absl::Duration least = absl::InfiniteDuration(), most = absl::ZeroDuration();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration wait = backoff.Next();
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_GE(least, absl::Milliseconds(500));
  EXPECT_LE(most, absl::Milliseconds(1500));
  EXPECT_LT(least, absl::Milliseconds(600)) << "and uses them";
  EXPECT_GT(most, absl::Milliseconds(1400));
}

TEST_F(BackoffTest, RandomIsTheOptions) {
  double next = 0;
  Backoff backoff({.initial = absl::Seconds(1), .multiplier = 1, .jitter = 0.5, .random = [&] {
                     return next;
                   }});
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(500));
  next = 0.5;
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
}

TEST_F(BackoffTest, OptionsThatMakeNoSensePanic) {
  EXPECT_THROW(Backoff({.multiplier = 0.5}), PanicError);
  EXPECT_THROW(Backoff({.jitter = 2}), PanicError);
  EXPECT_THROW(Backoff({.initial = -absl::Seconds(1)}), PanicError);
}

TEST_F(BackoffTest, RetriesUntilItSucceeds) {
  FakeClock clock;
  Retry retry(clock.Options());
  int tries = 0;
  absl::StatusOr<int> result = retry.Execute(Background(), [&](const Context&) {
    return ++tries < 4 ? absl::StatusOr<int>(Unavailable()) : absl::StatusOr<int>(7);
  });
  EXPECT_EQ(*result, 7);
  EXPECT_EQ(clock.slept,
            (std::vector<absl::Duration>{absl::Milliseconds(500), absl::Milliseconds(750),
                                         absl::Milliseconds(1125)}));
}

TEST_F(BackoffTest, PermanentEndsItAndIsTakenOff) {
  FakeClock clock;
  Retry retry(clock.Options());
  int tries = 0;
  absl::Status status = retry.Execute(Background(), [&](const Context&) {
    ++tries;
    return Permanent(absl::NotFoundError("gone"));
  });
  EXPECT_EQ(tries, 1);
  EXPECT_EQ(status, absl::NotFoundError("gone"));
}

TEST_F(BackoffTest, MaxTries) {
  FakeClock clock;
  RetryOptions options = clock.Options();
  options.max_tries = 3;
  int tries = 0;
  absl::Status status = Retry(options).Execute(Background(), [&](const Context&) {
    ++tries;
    return Unavailable();
  });
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(clock.slept.size(), 2u);
  EXPECT_EQ(status, Unavailable());
}

TEST_F(BackoffTest, RetryAfterSetsTheWaitAndResetsTheBackoff) {
  FakeClock clock;
  Retry retry(clock.Options());
  int tries = 0;
  absl::Status status = retry.Execute(Background(), [&](const Context&) -> absl::Status {
    ++tries;
    if (tries == 3) return RetryAfter(Unavailable(), absl::Seconds(7));
    return tries < 5 ? Unavailable() : absl::OkStatus();
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(clock.slept,
            (std::vector<absl::Duration>{absl::Milliseconds(500), absl::Milliseconds(750),
                                         absl::Seconds(7), absl::Milliseconds(500)}));
}

TEST_F(BackoffTest, NoWaitEndsAfterMaxElapsed) {
  FakeClock clock;
  RetryOptions options = clock.Options();
  options.backoff = BackoffOptions::Constant(absl::Seconds(2));
  options.max_elapsed = absl::Seconds(5);
  absl::Status status =
      Retry(options).Execute(Background(), [&](const Context&) { return Unavailable(); });
  EXPECT_EQ(status, Unavailable());
  EXPECT_EQ(clock.slept.size(), 2u);
}

TEST_F(BackoffTest, NotifyHearsOfEachWait) {
  FakeClock clock;
  RetryOptions options = clock.Options();
  options.max_tries = 3;
  int heard = 0;
  options.notify = [&](const absl::Status& error, absl::Duration wait) {
    EXPECT_EQ(error, Unavailable());
    EXPECT_GT(wait, absl::ZeroDuration());
    ++heard;
  };
  (void)Retry(options).Execute(Background(), [&](const Context&) { return Unavailable(); });
  EXPECT_EQ(heard, 2);
}

TEST_F(BackoffTest, TheContextEndsTheWait) {
  auto [ctx, cancel] = WithCancelCause(Background());
  RetryOptions options;
  options.backoff = BackoffOptions::Constant(absl::Hours(1));
  options.max_elapsed = absl::InfiniteDuration();
  options.notify = [cancel = cancel](const absl::Status&, absl::Duration) {
    cancel(absl::AbortedError("enough"));
  };
  Retry retry(options);
  EXPECT_EQ(retry.Execute(ctx, [](const Context&) { return Unavailable(); }),
            absl::AbortedError("enough"));
}

}  // namespace
}  // namespace weft
