#include "weft/sync/reentrant_mutex.h"

#include <mutex>
#include <thread>
#include <type_traits>

#include "absl/base/thread_annotations.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/latch.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::Crew;

static_assert(sizeof(ReentrantMutex) == 24);
static_assert(!std::is_copy_constructible_v<ReentrantMutex> &&
              !std::is_move_constructible_v<ReentrantMutex>);

using ReentrantMutexTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, ReentrantMutexTest, weft::testing::kWorkerCounts);

void LockTimes(ReentrantMutex& mu, int n) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (int i = 0; i < n; ++i) mu.lock();
}

void UnlockTimes(ReentrantMutex& mu, int n) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (int i = 0; i < n; ++i) mu.unlock();
}

bool Try(ReentrantMutex& mu) ABSL_NO_THREAD_SAFETY_ANALYSIS { return mu.try_lock(); }

TEST_P(ReentrantMutexTest, ExcludesOthersAtEveryLevel) {
  const int rounds = weft::testing::Repeat(1000);
  ReentrantMutex mu;
  int plain = 0;
  Crew crew;
  crew.Mixed(6, [&](int i) {
    for (int round = 0; round < rounds; ++round) {
      LockTimes(mu, 1 + i % 3);
      const int before = plain;
      if (round % 16 == 0) Gosched();
      UnlockTimes(mu, i % 3);
      plain = before + 1;
      UnlockTimes(mu, 1);
    }
  });
  crew.Join();
  EXPECT_EQ(plain, 6 * rounds);
}

TEST_P(ReentrantMutexTest, HoldCountIsTheCallersOwn) {
  ReentrantMutex mu;
  EXPECT_EQ(mu.HoldCount(), 0);
  LockTimes(mu, 3);
  EXPECT_EQ(mu.HoldCount(), 3);
  Crew crew;
  crew.Mixed(3, [&](int) {
    EXPECT_EQ(mu.HoldCount(), 0);
    EXPECT_FALSE(Try(mu));
  });
  crew.Join();
  UnlockTimes(mu, 2);
  EXPECT_EQ(mu.HoldCount(), 1);
  UnlockTimes(mu, 1);
  EXPECT_EQ(mu.HoldCount(), 0);
}

TEST_P(ReentrantMutexTest, TheHolderIsTheFiberWhereverItRuns) {
  ReentrantMutex mu;
  Crew crew;
  for (int i = 0; i < 8; ++i) {
    crew.Fiber([&] {
      for (int round = 0; round < weft::testing::Repeat(100); ++round) {
        LockTimes(mu, 1);
        Gosched();
        LockTimes(mu, 1);
        EXPECT_EQ(mu.HoldCount(), 2);
        Gosched();
        UnlockTimes(mu, 2);
      }
    });
  }
}

TEST_P(ReentrantMutexTest, EveryFormReenters) {
  ReentrantMutex mu;
  std::lock_guard<ReentrantMutex> lock(mu);
  [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    EXPECT_TRUE(mu.try_lock());
    EXPECT_TRUE(mu.TryLockFor(absl::ZeroDuration()));
    EXPECT_TRUE(mu.TryLockUntil(absl::InfinitePast()));
    EXPECT_EQ(mu.HoldCount(), 4);
  }();
  UnlockTimes(mu, 3);
}

TEST_P(ReentrantMutexTest, TimedFormsGiveUp) {
  ReentrantMutex mu;
  LockTimes(mu, 2);
  Crew crew;
  crew.Mixed(3, [&](int) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    EXPECT_FALSE(mu.TryLockFor(absl::Milliseconds(1)));
  });
  crew.Join();
  UnlockTimes(mu, 2);
}

using ReentrantMutexDeathTest = weft::testing::FiberTest;

TEST_F(ReentrantMutexDeathTest, UnlockByAnybodyElseIsFatal) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  constexpr char kMessage[] =
      "fatal error: sync: unlock of a ReentrantMutex that the caller does not hold";
  ReentrantMutex mu;
  EXPECT_EXIT(UnlockTimes(mu, 1), ::testing::ExitedWithCode(2), kMessage);
  EXPECT_EXIT(
      {
        LockTimes(mu, 1);
        UnlockTimes(mu, 2);
      },
      ::testing::ExitedWithCode(2), kMessage);
  EXPECT_EXIT(
      {
        LockTimes(mu, 1);
        weft::testing::RunInFiber([&] { UnlockTimes(mu, 1); });
      },
      ::testing::ExitedWithCode(2), kMessage);
}

}  // namespace
}  // namespace weft
