#include "weft/context/sleep.h"

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using SleepTest = weft::testing::FiberTest;

TEST_F(SleepTest, LastsAsLongAsAsked) {
  const absl::Time start = absl::Now();
  EXPECT_TRUE(Sleep(Background(), absl::Milliseconds(2)).ok());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(2));
}

TEST_F(SleepTest, ReturnsAtOnceIfTheTimeIsOver) {
  EXPECT_TRUE(Sleep(Background(), absl::ZeroDuration()).ok());
  EXPECT_TRUE(Sleep(Background(), -absl::InfiniteDuration()).ok());
}

TEST_F(SleepTest, FailsAtOnceIfTheContextHasEnded) {
  auto [ctx, cancel] = WithCancel(Background());
  cancel();
  EXPECT_EQ(Sleep(ctx, absl::InfiniteDuration()).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Sleep(ctx, absl::ZeroDuration()).code(), absl::StatusCode::kCancelled);
}

TEST_F(SleepTest, CancellationEndsIt) {
  auto [ctx, cancel] = WithCancel(Background());
  WaitGroup sleepers;
  for (int i = 0; i < 10; ++i) {
    sleepers.Go([ctx = ctx] {
      EXPECT_EQ(Sleep(ctx, absl::InfiniteDuration()).code(), absl::StatusCode::kCancelled);
    });
  }
  Gosched();
  cancel();
  sleepers.Wait();
}

TEST_F(SleepTest, TheDeadlineEndsIt) {
  auto [ctx, cancel] = WithTimeout(Background(), absl::Milliseconds(1));
  EXPECT_EQ(Sleep(ctx, absl::InfiniteDuration()).code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace weft
