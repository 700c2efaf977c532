#include "weft/sync/waitgroup.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

static_assert(sizeof(WaitGroup) <= 16);
static_assert(!std::is_copy_constructible_v<WaitGroup> && !std::is_move_constructible_v<WaitGroup>);

std::string PanicOf(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const PanicError& e) {
    return e.what();
  }
  return "";
}

using WaitGroupTest = weft::testing::FiberTest;

TEST_F(WaitGroupTest, WaitAtZeroReturnsAtOnce) {
  WaitGroup wg;
  wg.Wait();
  wg.Add(2);
  wg.Add(-2);
  wg.Wait();
}

TEST_F(WaitGroupTest, AddOfZeroDoesNothing) {
  WaitGroup wg;
  wg.Add(0);
  wg.Add(1);
  wg.Add(0);
  wg.Done();
  wg.Wait();
}

TEST_F(WaitGroupTest, DoneBelowZeroPanics) {
  WaitGroup wg;
  wg.Add(1);
  wg.Done();
  EXPECT_EQ(PanicOf([&] { wg.Done(); }), "sync: negative WaitGroup counter");
}

TEST_F(WaitGroupTest, AddBelowZeroPanics) {
  WaitGroup wg;
  wg.Add(2);
  EXPECT_EQ(PanicOf([&] { wg.Add(-3); }), "sync: negative WaitGroup counter");
}

TEST_F(WaitGroupTest, AddBeyondTheLargestCounterPanics) {
  WaitGroup wg;
  wg.Add(0x7fffffff);
  EXPECT_EQ(PanicOf([&] { wg.Add(1); }), "sync: negative WaitGroup counter");
}

TEST_F(WaitGroupTest, WaitReturnsAfterTheLastDone) {
  WaitGroup wg;
  std::atomic<int> ended{0};
  wg.Add(3);
  for (int i = 0; i < 3; ++i) {
    Go([&] {
      Sleep(absl::Milliseconds(1));
      ++ended;
      wg.Done();
    });
  }
  wg.Wait();
  EXPECT_EQ(ended, 3);
}

TEST_F(WaitGroupTest, EveryDoneHappensBeforeTheReturnOfWait) {
  constexpr int kFibers = 16;
  WaitGroup wg;
  std::vector<int> plain(kFibers);
  for (int i = 0; i < kFibers; ++i) wg.Go([&plain, i] { plain[i] = i + 1; });
  wg.Wait();
  for (int i = 0; i < kFibers; ++i) EXPECT_EQ(plain[i], i + 1);
}

TEST_F(WaitGroupTest, WaitReleasesAllWaiters) {
  constexpr int kWaiters = 8;
  WaitGroup gate;
  WaitGroup waiters;
  std::atomic<bool> open{false};
  gate.Add(1);
  for (int i = 0; i < kWaiters; ++i) {
    waiters.Go([&] {
      gate.Wait();
      EXPECT_TRUE(open);
    });
  }
  Sleep(absl::Milliseconds(5));
  open = true;
  gate.Done();
  waiters.Wait();
}

TEST_F(WaitGroupTest, ThreadsAndFibersWaitForEachOther) {
  WaitGroup wg;
  WaitGroup threads_waited;
  wg.Add(2);
  threads_waited.Add(2);
  std::thread done([&] { wg.Done(); });
  std::thread waiter([&] {
    wg.Wait();
    threads_waited.Done();
  });
  Go([&] { wg.Done(); });
  Go([&] {
    wg.Wait();
    threads_waited.Done();
  });
  threads_waited.Wait();
  done.join();
  waiter.join();
}

TEST_F(WaitGroupTest, CanBeReusedOnceEveryWaitHasReturned) {
  WaitGroup wg;
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> ended{0};
    for (int i = 0; i < 4; ++i) wg.Go([&] { ++ended; });
    wg.Wait();
    ASSERT_EQ(ended, 4);
  }
}

TEST_F(WaitGroupTest, AddByAFiberThatIsCountedExtendsTheWait) {
  WaitGroup wg;
  std::atomic<int> ended{0};
  wg.Go([&] {
    for (int i = 0; i < 4; ++i) wg.Go([&] { ++ended; });
  });
  wg.Wait();
  EXPECT_EQ(ended, 4);
}

TEST_F(WaitGroupTest, MayBeDestroyedAsSoonAsWaitHasReturned) {
  for (int round = 0; round < 2000; ++round) {
    auto wg = std::make_unique<WaitGroup>();
    wg->Add(2);
    Go([wg = wg.get()] { wg->Done(); });
    Go([wg = wg.get()] { wg->Done(); });
    wg->Wait();
    wg.reset();
  }
}

TEST_F(WaitGroupTest, ReuseBeforeTheFormerWaitHasReturnedPanics) {
  // Done(), then Add() before the woken waiter has run. A try may miss that instant.
  std::string panic;
  for (int round = 0; round < 10000 && panic.empty(); ++round) {
    WaitGroup wg, ended;
    std::atomic<bool> waiting{false};
    wg.Add(1);
    ended.Go([&] {
      waiting = true;
      panic = PanicOf([&] { wg.Wait(); });
    });
    while (!waiting) Gosched();
    for (int i = 0; i < 50; ++i) Gosched();
    wg.Done();
    {
      const race::Ignore ignore;  // it is one
      wg.Add(1);
    }
    for (int i = 0; i < 50; ++i) Gosched();
    wg.Done();
    ended.Wait();
  }
  EXPECT_EQ(panic, "sync: WaitGroup is reused before previous Wait has returned");
}

TEST_F(WaitGroupTest, GoTakesMoveOnlyFunctions) {
  WaitGroup wg;
  int got = 0;
  wg.Go([&got, value = std::make_unique<int>(7)] { got = *value; });
  wg.Wait();
  EXPECT_EQ(got, 7);
}

TEST_F(WaitGroupTest, GoDestroysTheClosureBeforeItCountsDown) {
  for (int round = 0; round < 200; ++round) {
    WaitGroup wg;
    auto shared = std::make_shared<int>(1);
    wg.Go([shared] {});
    wg.Wait();
    ASSERT_EQ(shared.use_count(), 1);
  }
}

TEST_F(WaitGroupTest, GoCountsDownWhenTheFiberCallsGoexit) {
  WaitGroup wg;
  bool after = false;
  wg.Go([&] {
    Goexit();
    after = true;
  });
  wg.Wait();
  EXPECT_FALSE(after);
}

TEST(WaitGroupDeathTest, GoDoesNotCountDownWhenTheFunctionPanics) {
  // Were the counter brought down first, main could end the process with status 0 before the panic
  // is reported.
  EXPECT_EXIT(
      {
        WaitGroup wg;
        wg.Go([] { Panic("sorry"); });
        wg.Wait();
        std::exit(0);
      },
      ::testing::ExitedWithCode(2), "panic: .*sorry");
}

TEST(WaitGroupDeathTest, GoOfAnEmptyFunctionIsFatal) {
  EXPECT_EXIT(
      {
        WaitGroup wg;
        wg.Go(std::function<void()>());
      },
      ::testing::ExitedWithCode(2), "go of nil func value");
}

}  // namespace
}  // namespace weft
