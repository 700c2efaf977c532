#include "weft/patterns/rate_limiter.h"

#include <atomic>
#include <limits>
#include <random>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "weft/patterns/rate_reference.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/seed.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using RateLimiterTest = weft::testing::FiberTest;
constexpr double kInfinite = RateLimiter::kInfinite;

// Steps of 100 ms from an arbitrary time.
absl::Time T(int step) { return absl::FromUnixSeconds(1000000) + step * absl::Milliseconds(100); }

TEST_F(RateLimiterTest, EveryIsTheInverse) {
  EXPECT_DOUBLE_EQ(RateLimiter::Every(absl::Milliseconds(100)), 10);
  EXPECT_EQ(RateLimiter::Every(absl::ZeroDuration()), kInfinite);
  EXPECT_EQ(RateLimiter::Every(-absl::Seconds(1)), kInfinite);
}

TEST_F(RateLimiterTest, TheBucketStartsFullAndIsRefilledLazily) {
  RateLimiter limiter(10, 1);
  EXPECT_TRUE(limiter.AllowAt(T(0)));
  EXPECT_FALSE(limiter.AllowAt(T(0)));
  EXPECT_TRUE(limiter.AllowAt(T(1)));
  EXPECT_TRUE(limiter.AllowAt(T(2)));
  EXPECT_FALSE(limiter.AllowAt(T(2)));
}

TEST_F(RateLimiterTest, BurstsAreLimited) {
  RateLimiter limiter(10, 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.AllowAt(T(0)));
  EXPECT_FALSE(limiter.AllowAt(T(0)));
  EXPECT_TRUE(limiter.AllowAt(T(1)));
  EXPECT_FALSE(limiter.AllowAt(T(1)));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.AllowAt(T(9)));  // not more than the burst
  EXPECT_FALSE(limiter.AllowAt(T(9)));
}

TEST_F(RateLimiterTest, TimeThatRunsBackwardsAddsNothing) {
  RateLimiter limiter(10, 2);
  EXPECT_TRUE(limiter.AllowAt(T(1)));
  EXPECT_TRUE(limiter.AllowAt(T(0)));
  EXPECT_FALSE(limiter.AllowAt(T(0)));
  EXPECT_TRUE(limiter.AllowAt(T(1)));
  EXPECT_FALSE(limiter.AllowAt(T(1)));
}

TEST_F(RateLimiterTest, InfiniteIgnoresTheBurst) {
  RateLimiter limiter(kInfinite, 0);
  EXPECT_TRUE(limiter.AllowAt(T(0), 1000000));
  RateLimiter::Reservation r = limiter.ReserveAt(T(0), 1000000);
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.DelayFrom(T(0)), absl::ZeroDuration());
  EXPECT_TRUE(limiter.Wait(Background(), 1000000).ok());
}

TEST_F(RateLimiterTest, ZeroRejectsEverything) {
  RateLimiter limiter(0, 0);
  EXPECT_FALSE(limiter.Allow());
  EXPECT_FALSE(limiter.Reserve().ok());
  EXPECT_EQ(limiter.Wait(Background()).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(RateLimiterTest, RateZeroGivesTheBurstAndNoMore) {
  RateLimiter limiter(0, 2);
  EXPECT_TRUE(limiter.AllowAt(T(0)));
  EXPECT_TRUE(limiter.AllowAt(T(0)));
  EXPECT_FALSE(limiter.AllowAt(T(1000000)));
}

TEST_F(RateLimiterTest, MoreThanTheBurstIsNeverGranted) {
  RateLimiter limiter(10, 2);
  EXPECT_FALSE(limiter.ReserveAt(T(0), 3).ok());
  EXPECT_EQ(limiter.ReserveAt(T(0), 3).DelayFrom(T(0)), absl::InfiniteDuration());
  EXPECT_EQ(limiter.Wait(Background(), 3),
            absl::ResourceExhaustedError("rate: Wait(n=3) exceeds limiter's burst 2"));
  EXPECT_EQ(limiter.TokensAt(T(0)), 2) << "and takes nothing";
}

TEST_F(RateLimiterTest, ReservationsQueueUp) {
  RateLimiter limiter(10, 2);
  EXPECT_EQ(limiter.ReserveAt(T(0), 2).DelayFrom(T(0)), absl::ZeroDuration());
  EXPECT_EQ(limiter.ReserveAt(T(0), 2).DelayFrom(T(0)), absl::Milliseconds(200));
  EXPECT_EQ(limiter.ReserveAt(T(3), 2).DelayFrom(T(3)), absl::Milliseconds(100));
  EXPECT_LT(limiter.TokensAt(T(3)), 0);
}

TEST_F(RateLimiterTest, CancelGivesTheTokensBack) {
  RateLimiter limiter(10, 2);
  EXPECT_TRUE(limiter.ReserveAt(T(0), 2).ok());
  RateLimiter::Reservation r = limiter.ReserveAt(T(0), 2);
  EXPECT_EQ(r.DelayFrom(T(0)), absl::Milliseconds(200));
  r.CancelAt(T(0));
  r.CancelAt(T(0));  // the second time: nothing
  EXPECT_EQ(limiter.ReserveAt(T(0), 2).DelayFrom(T(0)), absl::Milliseconds(200));
}

TEST_F(RateLimiterTest, CancelGivesBackOnlyWhatNobodyReservedAfter) {
  RateLimiter limiter(10, 2);
  EXPECT_TRUE(limiter.ReserveAt(T(0), 2).ok());
  RateLimiter::Reservation first = limiter.ReserveAt(T(0), 2);   // acts at T(2)
  RateLimiter::Reservation second = limiter.ReserveAt(T(0), 1);  // acts at T(3)
  EXPECT_EQ(second.DelayFrom(T(0)), absl::Milliseconds(300));
  first.CancelAt(T(0));  // one of its two is what the second waits for
  EXPECT_EQ(limiter.ReserveAt(T(0), 1).DelayFrom(T(0)), absl::Milliseconds(300));
}

TEST_F(RateLimiterTest, CancelTooLateGivesNothingBack) {
  RateLimiter limiter(10, 2);
  RateLimiter::Reservation r = limiter.ReserveAt(T(0), 2);
  r.CancelAt(T(1));
  EXPECT_FALSE(limiter.AllowAt(T(1), 2));
}

TEST_F(RateLimiterTest, SetRateAndBurstKeepWhatHasAccrued) {
  RateLimiter limiter(10, 4);
  EXPECT_TRUE(limiter.AllowAt(T(0), 4));
  limiter.SetRateAt(T(2), 100);  // two by now
  EXPECT_EQ(limiter.rate(), 100);
  EXPECT_DOUBLE_EQ(limiter.TokensAt(T(2)), 2);
  limiter.SetBurstAt(T(2), 1);
  EXPECT_EQ(limiter.burst(), 1);
  EXPECT_DOUBLE_EQ(limiter.TokensAt(T(2)), 1);
}

TEST_F(RateLimiterTest, WaitFailsAtOnceIfTheDeadlineComesFirst) {
  RateLimiter limiter(RateLimiter::Every(absl::Hours(1)), 1);
  EXPECT_TRUE(limiter.Wait(Background()).ok());
  auto [ctx, cancel] = WithTimeout(Background(), absl::Minutes(10));
  CancelOnExit stop(cancel);
  const double before = limiter.Tokens();
  EXPECT_EQ(limiter.Wait(ctx),
            absl::DeadlineExceededError("rate: Wait(n=1) would exceed context deadline"));
  EXPECT_GE(limiter.Tokens(), before) << "takes nothing";
}

TEST_F(RateLimiterTest, WaitInAnEndedContextFails) {
  RateLimiter limiter(kInfinite, 1);
  auto [ctx, cancel] = WithCancel(Background());
  cancel();
  EXPECT_EQ(limiter.Wait(ctx).code(), absl::StatusCode::kCancelled);
}

TEST_F(RateLimiterTest, AWaitThatIsCancelledGivesItsTokenBack) {
  RateLimiter limiter(RateLimiter::Every(absl::Hours(1)), 1);
  EXPECT_TRUE(limiter.Wait(Background()).ok());
  auto [ctx, cancel] = WithCancel(Background());
  WaitGroup wg;
  wg.Go([&, ctx = ctx] { EXPECT_EQ(limiter.Wait(ctx).code(), absl::StatusCode::kCancelled); });
  while (limiter.Tokens() > -0.5) Gosched();  // it has reserved
  cancel();
  wg.Wait();
  EXPECT_GT(limiter.Tokens(), -0.5);
}

TEST_F(RateLimiterTest, WaitWaits) {
  RateLimiter limiter(RateLimiter::Every(absl::Milliseconds(2)), 1);
  const absl::Time start = RateLimiter::Now();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(limiter.Wait(Background()).ok());
  EXPECT_GE(RateLimiter::Now() - start, absl::Milliseconds(6) - absl::Microseconds(1));
}

// Against exact arithmetic, at rates whose interval is a whole number of nanoseconds and a double.
TEST_F(RateLimiterTest, AgreesWithTheReference) {
  std::mt19937_64 random(weft::testing::Seed());
  for (int round = 0; round < 200; ++round) {
    const int64_t interval_ns = int64_t{1} << (10 + random() % 20);
    const int64_t burst = 1 + random() % 10;
    RateLimiter limiter(1e9 / static_cast<double>(interval_ns), burst);
    RateReference reference(interval_ns, burst);
    int64_t now_ns = 1;
    for (int i = 0; i < 200; ++i) {
      now_ns += (random() % 9) * interval_ns / 4;
      const int64_t n = random() % (burst + 2);
      const bool later = random() % 2 == 0;
      const auto expected =
          reference.Take(now_ns, n, later ? std::numeric_limits<int64_t>::max() : 0);
      const absl::Time now = absl::FromUnixNanos(now_ns);
      if (!later) {
        ASSERT_EQ(limiter.AllowAt(now, n), expected.has_value()) << "round " << round << ", " << i;
        continue;
      }
      const RateLimiter::Reservation r = limiter.ReserveAt(now, n);
      ASSERT_EQ(r.ok(), expected.has_value()) << "round " << round << ", " << i;
      if (!expected) continue;
      ASSERT_NEAR(absl::ToInt64Nanoseconds(r.DelayFrom(now)), *expected - now_ns, 2)
          << "round " << round << ", " << i;
    }
  }
}

using RateLimiterStressTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, RateLimiterStressTest, weft::testing::kWorkerCounts);

TEST_P(RateLimiterStressTest, NeverMoreThanBurstAndRateAllow) {
  constexpr int64_t kBurst = 50;
  constexpr double kRate = 10000;
  RateLimiter limiter(kRate, kBurst);
  std::atomic<int64_t> allowed{0};
  const absl::Time start = RateLimiter::Now();
  WaitGroup wg;
  const int calls = weft::testing::Repeat(5000);
  for (int f = 0; f < 8; ++f) {
    wg.Go([&] {
      for (int i = 0; i < calls; ++i) allowed += limiter.Allow();
    });
  }
  wg.Wait();
  const double seconds = absl::ToDoubleSeconds(RateLimiter::Now() - start);
  EXPECT_GE(allowed, kBurst);
  EXPECT_LE(static_cast<double>(allowed), kBurst + kRate * seconds + 1);
}

}  // namespace
}  // namespace weft
