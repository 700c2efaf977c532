// Fibers and threads, plain, timed and trying, on one mutex; and mutexes that die as soon as they
// may.
#include <atomic>
#include <memory>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/mutex.h"
#include "weft/sync/testing/crew.h"

// What is tested here is what the analysis forbids.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace weft {
namespace {

using sync_testing::Crew;

using MutexStressTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, MutexStressTest, weft::testing::kWorkerCounts);

TEST_P(MutexStressTest, AllWaysToLockExcludeEachOther) {
  Mutex mu;
  int64_t plain = 0;
  std::atomic<int64_t> expected{0};
  {
    Crew crew;
    crew.Mixed(9, [&](int id) {
      for (int i = 0; i < 2000; ++i) {
        bool locked = true;
        switch ((id + i) % 4) {
          case 0:
            locked = mu.try_lock();
            break;
          case 1:
            locked = mu.TryLockFor(absl::Microseconds(i % 50));
            break;
          default:
            mu.lock();
        }
        if (!locked) continue;
        ++plain;
        if (i % 64 == 0) Gosched();
        mu.unlock();
        expected.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  EXPECT_EQ(plain, expected);
  EXPECT_TRUE(mu.try_lock());
  mu.unlock();
}

// A short hold now and then makes the queue long, so that hand-over and barging alternate.
TEST_P(MutexStressTest, HandOverAndBargingAlternate) {
  Mutex mu;
  int64_t plain = 0;
  {
    Crew crew;
    crew.Mixed(6, [&](int) {
      for (int i = 0; i < 400; ++i) {
        MutexLock lock(mu);
        ++plain;
        if (i % 50 == 0) Sleep(absl::Microseconds(300));
      }
    });
  }
  EXPECT_EQ(plain, 6 * 400);
}

// The last of those who lock it frees the mutex. An unlock() that touches it too late is seen by
// AddressSanitizer.
TEST_P(MutexStressTest, MayDieOnceItIsUnlockedForGood) {
  struct Shared {
    Mutex mu;
    int users = 3;
  };
  Crew crew;
  for (int round = 0; round < 300; ++round) {
    auto* const shared = new Shared;
    crew.Mixed(3, [shared](int) {
      shared->mu.lock();
      const bool last = --shared->users == 0;
      shared->mu.unlock();
      if (last) delete shared;
    });
    if (round % 20 == 19) crew.Join();
  }
}

}  // namespace
}  // namespace weft
