#include "weft/sync/rwmutex.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <type_traits>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/cond.h"
#include "weft/sync/mutex.h"
#include "weft/sync/testing/crew.h"

// What is tested here is what the analysis forbids.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace weft {
namespace {

using sync_testing::Crew;
using sync_testing::LetOthersBlock;

static_assert(sizeof(RWMutex) == 24);
static_assert(!std::is_copy_constructible_v<RWMutex> && !std::is_move_constructible_v<RWMutex>);

using RWMutexTest = weft::testing::FiberTest;

TEST_F(RWMutexTest, ReadersShareTheLock) {
  RWMutex mu;
  ReaderLock a(mu);
  ReaderLock b(mu);
  EXPECT_FALSE(mu.try_lock());
}

TEST_F(RWMutexTest, AWriterExcludesAll) {
  RWMutex mu;
  WriterLock a(mu);
  EXPECT_FALSE(mu.try_lock());
  EXPECT_FALSE(mu.try_lock_shared());
}

TEST_F(RWMutexTest, WorksWithTheStandardGuards) {
  RWMutex mu;
  { std::unique_lock<RWMutex> lock(mu); }
  { std::shared_lock<RWMutex> lock(mu); }
}

// Go's rule that makes recursive read locks deadlock.
TEST_F(RWMutexTest, AWaitingWriterKeepsNewReadersOut) {
  RWMutex mu;
  mu.lock_shared();
  Crew crew;
  crew.Fiber([&] { WriterLock lock(mu); });
  while (mu.try_lock_shared()) {
    mu.unlock_shared();
    Gosched();
  }
  std::atomic<bool> read{false};
  crew.Fiber([&] {
    ReaderLock lock(mu);
    read = true;
  });
  LetOthersBlock();
  EXPECT_FALSE(read);
  mu.unlock_shared();
  crew.Join();
  EXPECT_TRUE(read);
}

// Go's rule: all readers that came while the writer was there go before the next writer.
TEST_F(RWMutexTest, ReadersThatQueuedBehindAWriterGoBeforeTheNextWriter) {
  RWMutex mu;
  Mutex order_mu;
  std::vector<char> order;
  auto note = [&](char c) {
    MutexLock lock(order_mu);
    order.push_back(c);
  };
  Crew crew;
  mu.lock();
  crew.Fiber([&] {
    WriterLock lock(mu);
    note('w');
  });
  LetOthersBlock();
  for (int i = 0; i < 3; ++i) {
    crew.Fiber([&] {
      ReaderLock lock(mu);
      note('r');
      LetOthersBlock();
    });
  }
  LetOthersBlock();
  mu.unlock();
  crew.Join();
  EXPECT_EQ(order, (std::vector<char>{'r', 'r', 'r', 'w'}));
}

TEST_F(RWMutexTest, WritersGoInTheOrderOfArrival) {
  RWMutex mu;
  std::vector<int> order;
  Crew crew;
  mu.lock_shared();
  for (int i = 0; i < 4; ++i) {
    crew.Fiber([&, i] {
      WriterLock lock(mu);
      order.push_back(i);
    });
    LetOthersBlock();
  }
  mu.unlock_shared();
  crew.Join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST_F(RWMutexTest, RLockerLocksForReading) {
  RWMutex mu;
  RLocker reader = mu.RLocker();
  std::lock_guard<RLocker> guard(reader);
  EXPECT_TRUE(mu.try_lock_shared());
  mu.unlock_shared();
  EXPECT_FALSE(mu.try_lock());
}

TEST_F(RWMutexTest, RLockerServesACond) {
  RWMutex mu;
  RLocker reader = mu.RLocker();
  Cond changed(reader);
  bool done = false;
  Crew crew;
  crew.Mixed(3, [&](int) {
    ReaderLock lock(mu);
    changed.Wait([&] { return done; });
  });
  LetOthersBlock();
  {
    WriterLock lock(mu);
    done = true;
  }
  changed.Broadcast();
}

TEST_F(RWMutexTest, TimedFormsGiveUp) {
  RWMutex mu;
  {
    WriterLock lock(mu);
    EXPECT_FALSE(mu.TryLockFor(absl::Milliseconds(2)));
    EXPECT_FALSE(mu.TryLockSharedFor(absl::Milliseconds(2)));
    EXPECT_FALSE(mu.TryLockUntil(absl::InfinitePast()));
  }
  {
    ReaderLock lock(mu);
    EXPECT_FALSE(mu.TryLockUntil(absl::Now() + absl::Milliseconds(2)));
    EXPECT_TRUE(mu.TryLockSharedUntil(absl::Now() + absl::Milliseconds(2)));
    mu.unlock_shared();
  }
  EXPECT_TRUE(mu.TryLockFor(absl::ZeroDuration()));
  mu.unlock();
}

// The writer's wait has kept the reader out; when it gives up, nobody else would let the reader in.
TEST_F(RWMutexTest, AWriterThatGivesUpLetsTheReadersIn) {
  RWMutex mu;
  mu.lock_shared();
  Crew crew;
  std::atomic<bool> gave_up{false};
  crew.Fiber([&] {
    EXPECT_FALSE(mu.TryLockFor(absl::Milliseconds(10)));
    gave_up = true;
  });
  LetOthersBlock();
  {
    Crew readers;
    readers.Mixed(3, [&](int) { ReaderLock lock(mu); });
  }
  crew.Join();
  EXPECT_TRUE(gave_up);
  mu.unlock_shared();
  EXPECT_TRUE(mu.try_lock());
  mu.unlock();
}

TEST(RWMutexDeathTest, UnlockOfAnUnlockedRWMutexIsFatal) {
  EXPECT_EXIT(RWMutex().unlock(), ::testing::ExitedWithCode(2),
              "fatal error: sync: Unlock of unlocked RWMutex");
}

TEST(RWMutexDeathTest, RUnlockOfAnUnlockedRWMutexIsFatal) {
  EXPECT_EXIT(RWMutex().unlock_shared(), ::testing::ExitedWithCode(2),
              "fatal error: sync: RUnlock of unlocked RWMutex");
}

TEST(RWMutexDeathTest, UnlockOfAReadLockIsFatal) {
  EXPECT_EXIT(
      {
        RWMutex mu;
        mu.lock_shared();
        mu.unlock();
      },
      ::testing::ExitedWithCode(2), "fatal error: sync: Unlock of unlocked RWMutex");
}

using RWMutexStressTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, RWMutexStressTest, weft::testing::kWorkerCounts);

TEST_P(RWMutexStressTest, AllWaysToLock) {
  RWMutex mu;
  int64_t plain = 0;
  std::atomic<int64_t> written{0};
  std::atomic<int> readers{0}, writers{0};
  auto write = [&] {
    EXPECT_EQ(++writers, 1);
    EXPECT_EQ(readers, 0);
    ++plain;
    --writers;
    ++written;
    mu.unlock();
  };
  auto read = [&](bool yield) {
    ++readers;
    EXPECT_EQ(writers, 0);
    const int64_t before = plain;
    if (yield) Gosched();
    EXPECT_EQ(plain, before);
    --readers;
    mu.unlock_shared();
  };
  {
    Crew crew;
    crew.Mixed(9, [&](int id) {
      for (int i = 0; i < 1500; ++i) {
        const absl::Duration timeout = absl::Microseconds(i % 40);
        switch ((id + i) % 8) {
          case 0:
            mu.lock();
            write();
            break;
          case 1:
            if (mu.TryLockFor(timeout)) write();
            break;
          case 2:
            if (mu.try_lock()) write();
            break;
          case 3:
            if (mu.TryLockSharedFor(timeout)) read(false);
            break;
          case 4:
            if (mu.try_lock_shared()) read(true);
            break;
          default:
            mu.lock_shared();
            read(i % 32 == 0);
        }
      }
    });
  }
  EXPECT_EQ(plain, written);
  EXPECT_TRUE(mu.try_lock());
  mu.unlock();
}

TEST_P(RWMutexStressTest, MayDieOnceItIsUnlockedForGood) {
  struct Shared {
    RWMutex mu;
    std::atomic<int> users{4};
  };
  Crew crew;
  for (int round = 0; round < 300; ++round) {
    auto* const shared = new Shared;
    crew.Mixed(4, [shared](int i) {
      if (i % 2 == 0) {
        ReaderLock lock(shared->mu);
      }
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
