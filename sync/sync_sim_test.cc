// What sync promises, in every order or in many.
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/sim.h"
#include "weft/sched/testing/sim_gtest.h"
#include "weft/sync/atomic.h"
#include "weft/sync/cond.h"
#include "weft/sync/event.h"
#include "weft/sync/map.h"
#include "weft/sync/mutex.h"
#include "weft/sync/once.h"
#include "weft/sync/pool.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

const sim::Options kAll = {.search = sim::Search::kExhaustive, .runs = 1'000'000};

void ExpectAllPass(const std::function<void()>& program) {
  const sim::Result result = sim::Run(kAll, program);
  EXPECT_TRUE(result.passed) << result.report;
  EXPECT_TRUE(result.complete) << result.Summary();
}

TEST(SyncSimTest, MutexExcludes) {
  ExpectAllPass([] {
    Mutex mu;
    WaitGroup wg;
    int inside = 0;
    for (int i = 0; i < 2; ++i) {
      wg.Go([&] {
        MutexLock lock(mu);
        sim::Check(inside++ == 0, "two are inside");
        Gosched();
        --inside;
      });
    }
    wg.Wait();
  });
}

TEST(SyncSimTest, AtomicLosesNoAddition) {
  ExpectAllPass([] {
    Atomic<int> count;
    WaitGroup wg;
    for (int i = 0; i < 2; ++i) {
      wg.Go([&] {
        count.Add(1);
        count.Add(1);
      });
    }
    wg.Wait();
    sim::Check(count.Load() == 4, "lost");
  });
}

TEST(SyncSimTest, LoadThenStoreLosesAnAddition) {
  const sim::Result result = sim::Run(kAll, [] {
    Atomic<int> count;
    WaitGroup wg;
    for (int i = 0; i < 2; ++i) wg.Go([&] { count.Store(count.Load() + 1); });
    wg.Wait();
    sim::Check(count.Load() == 2, "lost");
  });
  EXPECT_EQ(result.failure, "lost");
  EXPECT_EQ(result.preemptions, 1) << result.report;
}

TEST(SyncSimTest, LocksInTwoOrdersDeadlock) {
  const sim::Result result = sim::Run({.runs = 1000}, [] {
    Mutex a, b;
    WaitGroup wg;
    wg.Go([&] {
      MutexLock first(a);
      MutexLock second(b);
    });
    wg.Go([&] {
      MutexLock first(b);
      MutexLock second(a);
    });
    wg.Wait();
  });
  EXPECT_EQ(result.failure, "all fibers are asleep - deadlock!");
  EXPECT_EQ(result.preemptions, 1);
  EXPECT_NE(result.report.find("[sync.Mutex.Lock]"), std::string::npos) << result.report;
}

void ExpectDeadlock(const std::function<void()>& program, const char* where) {
  const sim::Result result = sim::Run({.runs = 1000}, program);
  EXPECT_EQ(result.failure, "all fibers are asleep - deadlock!");
  EXPECT_NE(result.report.find(where), std::string::npos) << result.report;
}

TEST(SyncSimTest, AMutexThatIsLockedTwiceDeadlocks) {
  ExpectDeadlock(
      []() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        Mutex mu;
        mu.lock();
        mu.lock();
      },
      "[sync.Mutex.Lock");
}

// Only if a writer comes in between: as often as not it goes well, which is the trap.
TEST(SyncSimTest, ARecursiveReaderDeadlocksWithAWriterInBetween) {
  const auto program = [](bool with_writer) {
    RWMutex mu;
    WaitGroup wg;
    wg.Go([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      ReaderLock outer(mu);
      ReaderLock inner(mu);
    });
    if (with_writer) wg.Go([&] { WriterLock lock(mu); });
    wg.Wait();
  };
  ExpectDeadlock([&] { program(true); }, "[sync.RWMutex.RLock");
  ExpectAllPass([&] { program(false); });
}

TEST(SyncSimTest, OnceFromWithinItselfDeadlocks) {
  ExpectDeadlock(
      [] {
        Once once;
        once.Do([&] { once.Do([] {}); });
      },
      "[sync.Once.Do");
}

TEST(SyncSimTest, ReadersAndWritersExclude) {
  ExpectAllPass([] {
    RWMutex mu;
    WaitGroup wg;
    int readers = 0, writers = 0;
    wg.Go([&] {
      WriterLock lock(mu);
      ++writers;
      sim::Check(readers == 0 && writers == 1, "a writer is not alone");
      --writers;
    });
    for (int i = 0; i < 2; ++i) {
      wg.Go([&] {
        ReaderLock lock(mu);
        ++readers;
        sim::Check(writers == 0, "a reader meets a writer");
        --readers;
      });
    }
    wg.Wait();
  });
}

TEST(SyncSimTest, CondWithTheCheckUnderTheLockMissesNothing) {
  ExpectAllPass([] {
    Mutex mu;
    Cond cond(mu);
    bool ready = false;
    Go([&] {
      MutexLock lock(mu);
      ready = true;
      cond.Signal();
    });
    MutexLock lock(mu);
    while (!ready) cond.Wait();
  });
}

TEST(SyncSimTest, OnceRunsOnceAndAllWait) {
  ExpectAllPass([] {
    Once once;
    WaitGroup wg;
    int runs = 0;
    for (int i = 0; i < 2; ++i) {
      wg.Go([&] {
        once.Do([&] {
          Gosched();
          ++runs;
        });
        sim::Check(runs == 1, "returned before the end");
      });
    }
    wg.Wait();
  });
}

SIM_TEST(SyncSimTest, SemaphoreAdmitsNoMore) {
  Semaphore semaphore(2);
  WaitGroup wg;
  int inside = 0;
  for (int i = 0; i < 5; ++i) {
    wg.Go([&] {
      semaphore.Acquire(1);
      EXPECT_LE(++inside, 2);
      Gosched();
      --inside;
      semaphore.Release(1);
    });
  }
  wg.Wait();
}

SIM_TEST(SyncSimTest, TimedLockGivesUpInVirtualTime) {
  Mutex mu;
  MutexLock lock(mu);
  WaitGroup wg;
  wg.Go([&] {
    const int64_t start = MonotonicNanos();
    const bool locked = mu.TryLockFor(absl::Hours(1));
    EXPECT_FALSE(locked);
    if (locked) mu.unlock();
    EXPECT_EQ(MonotonicNanos() - start, absl::ToInt64Nanoseconds(absl::Hours(1)));
  });
  wg.Wait();
}

// Both outcomes of what would succeed are explored.
void ExpectFailsForNoReasonIfAsked(const std::function<bool()>& attempt) {
  const sim::Options options = {
      .search = sim::Search::kExhaustive, .runs = 1000, .spurious_failures = 1};
  std::set<bool> seen;
  const sim::Result result = sim::Run(options, [&] { seen.insert(attempt()); });
  EXPECT_TRUE(result.passed) << result.report;
  EXPECT_EQ(seen.size(), 2u);
}

TEST(SyncSimTest, TryFormsFailForNoReasonIfAsked) {
  ExpectFailsForNoReasonIfAsked([] {
    Mutex mu;
    const bool locked = mu.try_lock();
    if (locked) mu.unlock();
    return locked;
  });
  ExpectFailsForNoReasonIfAsked([] {
    RWMutex mu;
    const bool locked = mu.try_lock_shared();
    if (locked) mu.unlock_shared();
    return locked;
  });
  ExpectFailsForNoReasonIfAsked([] { return Semaphore(1).TryAcquire(1); });
  ExpectFailsForNoReasonIfAsked([] {
    Event event(EventReset::kManual);
    event.Set();
    return event.TryWait();
  });
  ExpectFailsForNoReasonIfAsked([] {
    Pool<int> pool;
    pool.Put(1);
    return pool.TryGet().has_value();
  });
}

TEST(SyncSimTest, UnlockOfUnlockedMutexFailsTheRun) {
  const sim::Result result = sim::Run({}, []() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    Mutex mu;
    mu.unlock();
  });
  EXPECT_EQ(result.failure, "fatal error: sync: unlock of unlocked mutex");
}

// What only shows when another fiber runs right after an operation.

TEST(SyncSimTest, OthersRunBetweenTwoLoadsOfAMap) {
  const sim::Result result = sim::Run(kAll, [] {
    Map<int, int> map;
    map.Store(1, 0);
    Go([&map] { map.Store(1, 5); });
    const int first = *map.Load(1);
    sim::Check(*map.Load(1) == first, "changed");
    while (*map.Load(1) != 5) Gosched();
  });
  EXPECT_EQ(result.failure, "changed");
  EXPECT_EQ(result.preemptions, 1) << result.report;
}

TEST(SyncSimTest, OthersRunBetweenTwoMissesOfAMap) {
  const sim::Result result = sim::Run(kAll, [] {
    Map<int, int> map;
    WaitGroup wg;
    wg.Go([&map] { map.Store(1, 5); });
    const bool first = map.LoadAndDelete(1).has_value();
    const bool second = map.LoadAndDelete(1).has_value();
    sim::Check(first || !second, "there by the second");
    wg.Wait();
  });
  EXPECT_EQ(result.failure, "there by the second");
}

TEST(SyncSimTest, OthersRunAfterAPut) {
  const sim::Result result = sim::Run(kAll, [] {
    Pool<std::shared_ptr<int>> pool([] { return std::make_shared<int>(0); });
    WaitGroup wg;
    wg.Go([&pool] { *pool.Get() = 2; });
    const auto mine = std::make_shared<int>(1);
    pool.Put(mine);
    sim::Check(*mine == 1, "used after it was given back");
    wg.Wait();
  });
  EXPECT_EQ(result.failure, "used after it was given back");
}

TEST(SyncSimTest, OthersRunAfterAGet) {
  const sim::Result result = sim::Run(kAll, [] {
    Pool<int> pool;
    pool.Put(7);
    int users = 0;
    WaitGroup wg;
    for (int i = 0; i < 2; ++i) {
      wg.Go([&] {
        const int before = users;
        const bool found = pool.TryGet().has_value();
        sim::Check(users == before, "another has come between");
        users += found ? 1 : 2;
      });
    }
    wg.Wait();
  });
  EXPECT_EQ(result.failure, "another has come between");
}

TEST(SyncSimTest, LoadThenStoreOfAValueLosesAnAddition) {
  const sim::Result result = sim::Run(kAll, [] {
    Value<int> value;
    value.Store(0);
    WaitGroup wg;
    for (int i = 0; i < 2; ++i) wg.Go([&value] { value.Store(*value.Load() + 1); });
    wg.Wait();
    sim::Check(*value.Load() == 2, "lost");
  });
  EXPECT_EQ(result.failure, "lost");
  EXPECT_EQ(result.preemptions, 1) << result.report;
}

TEST(SyncSimTest, CompareAndSwapOfAValueLosesNoAddition) {
  ExpectAllPass([] {
    Value<int> value;
    value.Store(0);
    WaitGroup wg;
    for (int i = 0; i < 2; ++i) {
      wg.Go([&value] {
        for (;;) {
          const int seen = *value.Load();
          if (value.CompareAndSwap(seen, seen + 1)) return;
        }
      });
    }
    wg.Wait();
    sim::Check(*value.Load() == 2, "lost");
  });
}

// Every operation that writes ends with a point of its own.
TEST(SyncSimTest, OthersRunAfterAValueWasSwapped) {
  const sim::Result result = sim::Run(kAll, [] {
    Value<int> value;
    int stored = 0;
    WaitGroup wg;
    wg.Go([&] {
      value.Swap(1);
      stored = 1;
    });
    wg.Go([&] {
      if (value.Load() != nullptr) sim::Check(stored == 1, "not yet");
    });
    wg.Wait();
  });
  EXPECT_EQ(result.failure, "not yet");
}

}  // namespace
}  // namespace weft
