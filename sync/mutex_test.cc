#include "weft/sync/mutex.h"

#include <atomic>
#include <mutex>
#include <type_traits>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/testing/crew.h"

// What is tested here is what the analysis forbids.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace weft {
namespace {

using sync_testing::Crew;
using sync_testing::LetOthersBlock;

static_assert(sizeof(Mutex) == 8);
static_assert(!std::is_copy_constructible_v<Mutex> && !std::is_move_constructible_v<Mutex>);

using MutexTest = weft::testing::FiberTest;

TEST_F(MutexTest, ExcludesOthers) {
  Mutex mu;
  int plain = 0;
  {
    Crew crew;
    crew.Mixed(6, [&](int) {
      for (int i = 0; i < 1000; ++i) {
        MutexLock lock(mu);
        ++plain;
      }
    });
  }
  EXPECT_EQ(plain, 6000);
}

TEST_F(MutexTest, WorksWithTheStandardGuards) {
  Mutex a, b;
  { std::lock_guard<Mutex> guard(a); }
  { std::scoped_lock both(a, b); }
  std::unique_lock<Mutex> lock(a, std::try_to_lock);
  EXPECT_TRUE(lock.owns_lock());
}

TEST_F(MutexTest, TryLockFailsWhileLocked) {
  Mutex mu;
  ASSERT_TRUE(mu.try_lock());
  EXPECT_FALSE(mu.try_lock());
  mu.unlock();
  ASSERT_TRUE(mu.try_lock());
  mu.unlock();
}

TEST_F(MutexTest, AnotherFiberMayUnlock) {
  Mutex mu;
  mu.lock();
  Crew crew;
  crew.Fiber([&] { mu.unlock(); });
  mu.lock();
  mu.unlock();
}

TEST_F(MutexTest, UnlockLetsOneWaiterInAtATime) {
  Mutex mu;
  std::atomic<int> inside{0}, passed{0};
  mu.lock();
  Crew crew;
  crew.Mixed(5, [&](int) {
    MutexLock lock(mu);
    EXPECT_EQ(++inside, 1);
    Gosched();
    --inside;
    ++passed;
  });
  LetOthersBlock();
  EXPECT_EQ(passed, 0);
  mu.unlock();
  crew.Join();
  EXPECT_EQ(passed, 5);
}

TEST_F(MutexTest, TimedLockGivesUpAtItsDeadline) {
  Mutex mu;
  mu.lock();
  Crew crew;
  crew.Fiber([&] {
    const absl::Time start = absl::Now();
    EXPECT_FALSE(mu.TryLockFor(absl::Milliseconds(10)));
    EXPECT_GE(absl::Now() - start, absl::Milliseconds(9));
    EXPECT_FALSE(mu.TryLockUntil(absl::Now() + absl::Milliseconds(2)));
    EXPECT_FALSE(mu.TryLockUntil(absl::InfinitePast()));
    EXPECT_FALSE(mu.TryLockFor(absl::ZeroDuration()));
    EXPECT_FALSE(mu.TryLockFor(-absl::InfiniteDuration()));
  });
  crew.Join();
  mu.unlock();
  EXPECT_TRUE(mu.try_lock());
  mu.unlock();
}

TEST_F(MutexTest, TimedLockTakesAFreeLockEvenWhenLate) {
  Mutex mu;
  ASSERT_TRUE(mu.TryLockUntil(absl::InfinitePast()));
  mu.unlock();
  ASSERT_TRUE(mu.TryLockFor(absl::ZeroDuration()));
  mu.unlock();
}

TEST_F(MutexTest, TimedLockGetsTheLockInTime) {
  Mutex mu;
  mu.lock();
  Crew crew;
  crew.Mixed(3, [&](int i) {
    ASSERT_TRUE(i == 0 ? mu.TryLockFor(absl::InfiniteDuration())
                       : mu.TryLockFor(absl::Seconds(60)));
    mu.unlock();
  });
  LetOthersBlock();
  mu.unlock();
}

TEST_F(MutexTest, AWaiterThatGaveUpDoesNotTakeTheWakeUpOfTheNext) {
  Mutex mu;
  mu.lock();
  std::atomic<bool> got{false};
  Crew crew;
  crew.Fiber([&] { EXPECT_FALSE(mu.TryLockFor(absl::Milliseconds(5))); });
  LetOthersBlock();
  crew.Fiber([&] {
    MutexLock lock(mu);
    got = true;
  });
  Sleep(absl::Milliseconds(10));
  mu.unlock();
  crew.Join();
  EXPECT_TRUE(got);
}

// Go's rule: a fiber that takes the lock again and again must not keep another out for long.
TEST_F(MutexTest, AGreedyHolderDoesNotStarveAWaiter) {
  Mutex mu;
  std::atomic<bool> stop{false};
  Crew crew;
  crew.Fiber([&] {
    while (!stop) {
      MutexLock lock(mu);
      Sleep(absl::Microseconds(100));
    }
  });
  const absl::Time start = absl::Now();
  for (int i = 0; i < 10; ++i) {
    Sleep(absl::Microseconds(100));
    MutexLock lock(mu);
  }
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  stop = true;
}

// Three waiters whose order of arrival is known, against a holder that takes the lock again at
// once. The hand-over to those who starve keeps their order.
TEST_F(MutexTest, WaitersThatStarveAreServedInOrder) {
  Mutex mu, order_mu;
  std::vector<int> order;
  mu.lock();
  Crew crew;
  for (int i = 0; i < 3; ++i) {
    crew.Fiber([&, i] {
      MutexLock lock(mu);
      MutexLock order_lock(order_mu);
      order.push_back(i);
    });
    LetOthersBlock();
  }
  mu.unlock();
  crew.Join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(MutexDeathTest, UnlockOfAnUnlockedMutexIsFatal) {
  EXPECT_EXIT(
      {
        Mutex mu;
        mu.unlock();
      },
      ::testing::ExitedWithCode(2), "fatal error: sync: unlock of unlocked mutex");
}

TEST(MutexDeathTest, UnlockOfAnUnlockedMutexCannotBeCaught) {
  EXPECT_EXIT(
      {
        Mutex mu;
        mu.lock();
        mu.unlock();
        try {
          mu.unlock();
        } catch (...) {
        }
      },
      ::testing::ExitedWithCode(2), "fatal error: sync: unlock of unlocked mutex");
}

}  // namespace
}  // namespace weft
