// The rules of testing/synctest for sync, one by one.
#include "weft/sched/testing/synctest.h"

#include <atomic>
#include <functional>
#include <new>
#include <string>
#include <thread>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/timer.h"
#include "weft/sync/barrier.h"
#include "weft/sync/cond.h"
#include "weft/sync/mutex.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

const absl::Time kStart = absl::FromCivil(absl::CivilSecond(2000, 1, 1), absl::UTCTimeZone());

constexpr char kInsideAndOutside[] =
    "fatal error: sync: WaitGroup.Add called from inside and outside synctest bubble";
constexpr char kTwoBubbles[] =
    "fatal error: sync: WaitGroup.Add called from multiple synctest bubbles";

void OnAnotherThread(const std::function<void()>& fn) { std::thread(fn).join(); }

// In a bubble: `wait`, in a fiber, blocks until a plain thread calls `release`; an hour passes only
// afterwards.
void ExpectTimeStandsStill(const std::function<void()>& wait,
                           const std::function<void()>& release) {
  std::atomic<bool> waiting{false};
  std::thread outside([&] {
    while (!waiting) std::this_thread::yield();
    release();
  });
  synctest::Test([&] {
    bool returned = false;
    Go([&] {
      waiting = true;
      wait();
      EXPECT_EQ(WallNow(), kStart);
      returned = true;
    });
    synctest::Sleep(absl::Hours(1));
    EXPECT_TRUE(returned);
  });
  outside.join();
}

// --- WaitGroup. ---

TEST(SyncSynctestTest, WaitGroupOfTheBubbleBlocksDurably) {
  synctest::Test([] {
    WaitGroup wg;
    wg.Add(1);
    Go([&wg] {
      Sleep(absl::Hours(1));
      wg.Done();
    });
    wg.Wait();
    EXPECT_EQ(WallNow() - kStart, absl::Hours(1));
  });
}

TEST(SyncSynctestTest, GoMakesAWaitGroupTheBubbles) {
  WaitGroup wg;  // made outside
  synctest::Test([&wg] {
    wg.Go([] { Sleep(absl::Hours(1)); });
    wg.Wait();
    EXPECT_EQ(WallNow() - kStart, absl::Hours(1));
  });
}

TEST(SyncSynctestTest, SynctestWaitTakesAWaitGroupOfTheBubbleForDurable) {
  synctest::Test([] {
    WaitGroup wg;
    wg.Add(1);
    bool waited = false;
    Go([&] {
      wg.Wait();
      waited = true;
    });
    synctest::Wait();
    EXPECT_FALSE(waited);
    wg.Done();
    synctest::Wait();
    EXPECT_TRUE(waited);
  });
}

TEST(SyncSynctestTest, WaitGroupThatWasCountedOutsideBlocksNotDurably) {
  WaitGroup wg;
  wg.Add(1);
  ExpectTimeStandsStill([&wg] { wg.Wait(); }, [&wg] { wg.Done(); });
}

TEST(SyncSynctestTest, WaitGroupThatWasCountedOutsideCannotBeCountedInTheBubble) {
  WaitGroup wg;
  wg.Add(1);
  EXPECT_EQ(synctest::Run([&wg] { wg.Add(1); }), kInsideAndOutside);
}

TEST(SyncSynctestTest, WaitGroupOfAnotherBubbleCannotBeCounted) {
  synctest::Test([] {
    WaitGroup wg;
    wg.Add(1);
    OnAnotherThread([&wg] { EXPECT_EQ(synctest::Run([&wg] { wg.Add(1); }), kTwoBubbles); });
    wg.Done();
    wg.Wait();
  });
}

TEST(SyncSynctestTest, WaitGroupOfABubbleCanBeWaitedForOutside) {
  std::thread outside;
  std::atomic<bool> done{false};
  WaitGroup wg;
  synctest::Test([&] {
    wg.Add(1);
    outside = std::thread([&] {
      wg.Wait();
      EXPECT_TRUE(done);
    });
    done = true;
    wg.Done();
  });
  outside.join();
}

TEST(SyncSynctestTest, WaitGroupThatIsDoneLeavesTheBubble) {
  synctest::Test([] {
    WaitGroup wg;
    wg.Go([] { Sleep(absl::Hours(1)); });
    wg.Wait();
    OnAnotherThread([&wg] {
      wg.Add(1);
      wg.Done();
    });
    OnAnotherThread([&wg] {
      synctest::Test([&wg] {
        wg.Add(1);
        wg.Done();
        wg.Wait();
      });
    });
  });
}

TEST(SyncSynctestTest, WaitForNothingMakesAWaitGroupLeaveTheBubble) {
  synctest::Test([] {
    WaitGroup wg;
    wg.Add(1);
    wg.Done();
    wg.Wait();  // returns at once
    OnAnotherThread([&wg] {
      wg.Add(1);
      wg.Done();
    });
  });
}

TEST(SyncSynctestTest, IdleWaitGroupOfAFormerBubbleMayBeUsed) {
  WaitGroup wg;
  for (int i = 0; i < 2; ++i) {
    synctest::Test([&wg] {
      wg.Add(1);
      wg.Done();
    });
  }
  wg.Add(1);
  wg.Done();
  wg.Wait();
}

TEST(SyncSynctestTest, BusyWaitGroupOfAFormerBubbleCannotBeCounted) {
  WaitGroup wg;
  synctest::Test([&wg] { wg.Add(1); });
  EXPECT_EQ(synctest::Run([&wg] { wg.Done(); }), kTwoBubbles);
}

// The books of a bubble are kept by address.
TEST(SyncSynctestTest, NewWaitGroupAtTheAddressOfAnOldOneIsNobodys) {
  synctest::Test([] {
    alignas(WaitGroup) char memory[sizeof(WaitGroup)];
    auto* wg = new (memory) WaitGroup;
    wg->Add(1);  // and is forgotten
    wg->~WaitGroup();
    wg = new (memory) WaitGroup;
    OnAnotherThread([wg] {
      synctest::Test([wg] {
        wg->Add(1);
        wg->Done();
        wg->Wait();
      });
      wg->Add(1);
      wg->Done();
    });
    wg->~WaitGroup();
  });
}

using SyncSynctestDeathTest = ::testing::Test;

TEST(SyncSynctestDeathTest, WaitGroupOfABubbleCannotBeCountedOutside) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto use = [](auto inside, auto outside) {
    synctest::Test([=] {
      WaitGroup wg;
      inside(wg);
      OnAnotherThread([&wg, outside] { outside(wg); });
    });
  };
  const auto add = [](WaitGroup& wg) { wg.Add(1); };
  const auto done = [](WaitGroup& wg) { wg.Done(); };
  // Also with a counter of zero, if nobody has waited.
  const auto add_and_done = [](WaitGroup& wg) {
    wg.Add(1);
    wg.Done();
  };
  EXPECT_EXIT(use(add, add), ::testing::ExitedWithCode(2), kInsideAndOutside);
  EXPECT_EXIT(use(add, done), ::testing::ExitedWithCode(2), kInsideAndOutside);
  EXPECT_EXIT(use(add_and_done, add), ::testing::ExitedWithCode(2), kInsideAndOutside);
}

// --- Cond. ---

TEST(SyncSynctestTest, CondWaitBlocksDurably) {
  Mutex mu;
  Cond cond(mu);  // wherever it was made
  synctest::Test([&] {
    Go([&] {
      Sleep(absl::Hours(1));
      cond.Signal();
    });
    MutexLock lock(mu);
    cond.Wait();
    EXPECT_EQ(WallNow() - kStart, absl::Hours(1));
  });
}

TEST(SyncSynctestTest, TimedCondWaitTakesTheBubblesTime) {
  synctest::Test([] {
    Mutex mu;
    Cond cond(mu);
    MutexLock lock(mu);
    EXPECT_FALSE(cond.WaitFor(absl::Hours(1)));
    EXPECT_EQ(WallNow() - kStart, absl::Hours(1));
  });
}

TEST(SyncSynctestTest, SignalFromOutsideToNobodyIsNothing) {
  synctest::Test([] {
    Mutex mu;
    Cond cond(mu);
    OnAnotherThread([&cond] {
      cond.Signal();
      cond.Broadcast();
    });
  });
}

TEST(SyncSynctestDeathTest, CondWaitOfABubbleCannotBeEndedOutside) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto wake = [](void (Cond::*how)()) {
    synctest::Test([how] {
      Mutex mu;
      Cond cond(mu);
      Go([&] {
        MutexLock lock(mu);
        cond.Wait();
      });
      synctest::Wait();
      OnAnotherThread([&cond, how] { (cond.*how)(); });
    });
  };
  constexpr char kFromOutside[] =
      "fatal error: semaphore wake of synctest fiber from outside bubble";
  EXPECT_EXIT(wake(&Cond::Signal), ::testing::ExitedWithCode(2), kFromOutside);
  EXPECT_EXIT(wake(&Cond::Broadcast), ::testing::ExitedWithCode(2), kFromOutside);
}

// --- What blocks not durably. ---

TEST(SyncSynctestTest, MutexBlocksNotDurably) {
  Mutex mu;
  std::atomic<bool> held{false};
  std::atomic<bool> release{false};
  std::thread holder([&] {
    MutexLock lock(mu);
    held = true;
    while (!release) std::this_thread::yield();
  });
  while (!held) std::this_thread::yield();
  ExpectTimeStandsStill([&mu] { MutexLock lock(mu); }, [&release] { release = true; });
  holder.join();
}

TEST(SyncSynctestTest, RWMutexBlocksNotDurably) {
  RWMutex mu;
  std::atomic<bool> held{false};
  std::atomic<bool> release{false};
  std::thread holder([&] {
    WriterLock lock(mu);
    held = true;
    while (!release) std::this_thread::yield();
  });
  while (!held) std::this_thread::yield();
  ExpectTimeStandsStill([&mu] { ReaderLock lock(mu); }, [&release] { release = true; });
  holder.join();
}

// A Barrier is built on a Cond, but whoever completes it may be outside.
TEST(SyncSynctestTest, BarrierBlocksNotDurably) {
  Barrier barrier(2);
  const auto arrive = [&barrier] { EXPECT_TRUE(barrier.ArriveAndWait().ok()); };
  ExpectTimeStandsStill(arrive, arrive);
}

}  // namespace
}  // namespace weft
