#include "weft/chan/time.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::AwaitReceivers;
using chan_internal::Group;
using chan_internal::PanicOf;

constexpr absl::Duration kShort = absl::Milliseconds(5);
constexpr absl::Duration kLong = absl::Hours(1);

class TimeTest : public weft::testing::FiberTest {};

TEST_F(TimeTest, AfterSendsTheTimeItWasDue) {
  absl::Time start = absl::Now();
  std::optional<absl::Time> at = After(kShort).Recv();
  absl::Time end = absl::Now();
  ASSERT_TRUE(at.has_value());
  EXPECT_GE(*at, start + kShort - absl::Milliseconds(1));
  EXPECT_LE(*at, end + absl::Milliseconds(1));
  EXPECT_GE(end - start, kShort - absl::Milliseconds(1));
}

TEST_F(TimeTest, AfterNothingOrLessIsAtOnce) {
  EXPECT_TRUE(After(absl::ZeroDuration()).Recv().has_value());
  EXPECT_TRUE(After(-absl::InfiniteDuration()).Recv().has_value());
}

TEST_F(TimeTest, TimersComeInTheirOrder) {
  auto order = MakeChan<int>(3);
  Group group;
  for (int i : {2, 0, 1}) {
    group.Go([order, i] {
      After(absl::Milliseconds(20 + 40 * i)).Recv();
      order.Send(i);
    });
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(order.Recv(), i);
  group.Wait();
}

TEST_F(TimeTest, ChannelsSeemUnbuffered) {
  Timer timer(absl::ZeroDuration());
  Ticker ticker(kShort);
  Sleep(4 * kShort);
  EXPECT_EQ(timer.C().len(), 0);
  EXPECT_EQ(timer.C().cap(), 0);
  EXPECT_EQ(ticker.C().len(), 0);
  EXPECT_EQ(ticker.C().cap(), 0);
  EXPECT_TRUE(timer.C().TryRecv().received());
  EXPECT_TRUE(timer.C().TryRecv().empty());
}

TEST_F(TimeTest, StopOfARunningTimerIsTrueOnce) {
  Timer timer(kLong);
  EXPECT_TRUE(timer.Stop());
  EXPECT_FALSE(timer.Stop());
  EXPECT_TRUE(timer.C().TryRecv().empty());
}

// Fired but not received: stopped in time, and nothing is left to receive.
TEST_F(TimeTest, StopTakesBackAnUnreceivedTime) {
  Timer timer(absl::ZeroDuration());
  Sleep(2 * kShort);
  EXPECT_TRUE(timer.Stop());
  EXPECT_TRUE(timer.C().TryRecv().empty());
  EXPECT_FALSE(timer.Stop());
}

TEST_F(TimeTest, StopOfAReceivedTimerIsFalse) {
  Timer timer(absl::ZeroDuration());
  EXPECT_TRUE(timer.C().Recv().has_value());
  EXPECT_FALSE(timer.Stop());
}

TEST_F(TimeTest, ResetTakesBackAnUnreceivedTimeAndFiresAnew) {
  Timer timer(absl::ZeroDuration());
  Sleep(2 * kShort);
  absl::Time start = absl::Now();
  EXPECT_TRUE(timer.Reset(2 * kShort));
  EXPECT_GE(timer.C().Recv().value(), start + 2 * kShort - absl::Milliseconds(1));
  EXPECT_FALSE(timer.Reset(absl::ZeroDuration()));
  EXPECT_TRUE(timer.C().Recv().has_value());
}

// Programs from before Go 1.23: `if (!t.Stop()) <-t.C`.
TEST_F(TimeTest, OldIdiomOfStopAndDrainDoesNotHang) {
  for (int i = 0; i < 20; ++i) {
    Timer timer(absl::Microseconds(50 * i));
    Sleep(absl::Microseconds(500));
    if (!timer.Stop()) timer.C().Recv();
    timer.Reset(absl::ZeroDuration());
    EXPECT_TRUE(timer.C().Recv().has_value());
  }
}

// Whoever wins, a time received after Reset() is never one of before it.
TEST_F(TimeTest, NoStaleTimeAfterResetRacingWithFiring) {
  Timer timer(kLong);
  for (int i = 0; i < 300; ++i) {
    timer.Reset(absl::Microseconds(i % 60));
    std::this_thread::sleep_for(std::chrono::microseconds(i % 70));
    timer.Reset(kLong);
    EXPECT_TRUE(timer.C().TryRecv().empty());
  }
}

TEST_F(TimeTest, UninitializedTimersPanic) {
  EXPECT_EQ(PanicOf([] { Timer().Stop(); }), "time: Stop called on uninitialized Timer");
  EXPECT_EQ(PanicOf([] { Timer().Reset(kShort); }), "time: Reset called on uninitialized Timer");
  EXPECT_EQ(PanicOf([] { Ticker().Reset(kShort); }), "time: Reset called on uninitialized Ticker");
  EXPECT_EQ(PanicOf([] { Ticker().Stop(); }), "");
}

TEST_F(TimeTest, CopiesAreTheSameTimer) {
  Timer timer(kLong);
  Timer copy = timer;
  EXPECT_TRUE(copy.Stop());
  EXPECT_FALSE(timer.Stop());
  EXPECT_EQ(copy.C(), timer.C());
}

// ---- Tickers ----

TEST_F(TimeTest, TickerTicksOnItsGrid) {
  constexpr absl::Duration kInterval = absl::Milliseconds(10);
  Ticker ticker(kInterval);
  absl::Time first = ticker.C().Recv().value();
  for (int i = 1; i <= 5; ++i) {
    if (i == 3) Sleep(kInterval / 2);  // late once, not ever after
    absl::Time tick = ticker.C().Recv().value();
    absl::Duration off = (tick - first) % kInterval;
    EXPECT_LT(std::min(off, kInterval - off), absl::Milliseconds(2)) << tick - first;
  }
}

TEST_F(TimeTest, TickerDropsTicksForASlowReceiver) {
  Ticker ticker(kShort);
  Sleep(10 * kShort);
  EXPECT_TRUE(ticker.C().TryRecv().received());
  // At most the one tick that may have come in between.
  EXPECT_FALSE(ticker.C().TryRecv().received() && ticker.C().TryRecv().received());
}

TEST_F(TimeTest, StoppedTickerIsSilentAndOpen) {
  Ticker ticker(kShort);
  ticker.C().Recv();
  Sleep(2 * kShort);
  ticker.Stop();
  Sleep(3 * kShort);
  EXPECT_TRUE(ticker.C().TryRecv().empty());
  ticker.Reset(kShort);
  EXPECT_TRUE(ticker.C().Recv().has_value());
}

TEST_F(TimeTest, NonPositiveIntervals) {
  EXPECT_EQ(PanicOf([] { Ticker ticker(absl::ZeroDuration()); }),
            "non-positive interval for NewTicker");
  EXPECT_EQ(PanicOf([] { Ticker(kLong).Reset(-kShort); }),
            "non-positive interval for Ticker.Reset");
  EXPECT_EQ(Tick(absl::ZeroDuration()), nullptr);
  EXPECT_TRUE(Tick(kShort).Recv().has_value());
}

// ---- Whoever waits ----

// By then the time is due, and nobody has done anything about it.
TEST_F(TimeTest, ThreadsAndFibersReceiveLateAndWaiting) {
  for (const bool late : {false, true}) {
    const auto receive = [late] {
      const Timer timer(kShort);
      const Ticker ticker(kShort);
      if (late) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      EXPECT_TRUE(timer.C().Recv().has_value());
      EXPECT_TRUE(timer.C().TryRecv().empty());
      EXPECT_EQ(Select(OnRecv(timer.C()), OnRecv(ticker.C())), 1);
      EXPECT_TRUE(ticker.C().Recv().has_value());
    };
    std::thread(receive).join();
    Group group;
    group.Go(receive);
    group.Wait();
  }
}

TEST_F(TimeTest, ResetReachesWhoeverWaits) {
  const Timer timer(kLong);
  Group group;
  std::optional<absl::Time> received;
  group.Go([&] { received = timer.C().Recv(); });
  AwaitReceivers(timer.C(), 1);
  const absl::Time start = absl::Now();
  EXPECT_TRUE(timer.Reset(2 * kLong));
  EXPECT_TRUE(timer.Reset(2 * kShort));
  group.Wait();
  EXPECT_GE(*received, start + 2 * kShort - absl::Milliseconds(1));
  EXPECT_LT(*received, start + kLong);
}

TEST_F(TimeTest, StoppedWhileSomebodyWaitsAndSetAgain) {
  const Timer timer(kLong);
  Group group;
  group.Go([&] { EXPECT_TRUE(timer.C().Recv().has_value()); });
  AwaitReceivers(timer.C(), 1);
  EXPECT_TRUE(timer.Stop());
  EXPECT_FALSE(timer.Stop());
  EXPECT_FALSE(timer.Reset(absl::ZeroDuration()));
  group.Wait();
}

// Waiting, late and selecting, on one ticker.
TEST_F(TimeTest, EachTickIsForOne) {
  constexpr int kReceivers = 4;
  constexpr int kTicks = 50;
  const Ticker ticker(absl::Microseconds(100));
  auto ticks = MakeChan<absl::Time>(kReceivers * kTicks);
  Group group;
  for (int i = 0; i < kReceivers; ++i) {
    group.Go([&, i] {
      const auto never = MakeChan<int>();
      for (int k = 0; k < kTicks; ++k) {
        std::optional<absl::Time> tick;
        if (i % 2 == 0) {
          tick = ticker.C().Recv();
        } else {
          EXPECT_EQ(Select(OnRecv(never), OnRecv(ticker.C(), &tick)), 1);
        }
        ticks.Send(*tick);
      }
    });
  }
  group.Wait();
  ticks.Close();
  std::vector<absl::Time> all;
  for (absl::Time tick : ticks) all.push_back(tick);
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), size_t{kReceivers * kTicks});
  // On one grid: the two clocks are read one after the other, so that a tick is off by a little.
  EXPECT_GE(all.back() - all.front(), absl::Microseconds(100) * (kReceivers * kTicks / 2));
}

// ---- AfterFunc ----

TEST_F(TimeTest, AfterFuncRunsInAFiberOfItsOwn) {
  auto done = MakeChan<bool>();
  Timer timer = AfterFunc(kShort, [done] { done.Send(true); });
  EXPECT_EQ(timer.C(), nullptr);
  EXPECT_TRUE(done.Recv().value());
  EXPECT_FALSE(timer.Stop());
}

TEST_F(TimeTest, AfterFuncRunsThoughItsTimerWasDropped) {
  auto done = MakeChan<bool>();
  AfterFunc(kShort, [done] { done.Send(true); });
  EXPECT_TRUE(done.Recv().value());
}

TEST_F(TimeTest, StoppedFunctionDoesNotRunAndIsDestroyed) {
  auto held = std::make_shared<int>(0);
  std::weak_ptr<int> watch = held;
  {
    Timer timer = AfterFunc(kLong, [held = std::move(held)] { FAIL(); });
    EXPECT_TRUE(timer.Stop());
    EXPECT_FALSE(timer.Stop());
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST_F(TimeTest, FunctionRunsAgainAfterReset) {
  auto runs = MakeChan<int>();
  auto count = std::make_shared<std::atomic<int>>(0);
  Timer timer = AfterFunc(kShort, [runs, count] { runs.Send(++*count); });
  EXPECT_EQ(runs.Recv(), 1);
  EXPECT_FALSE(timer.Reset(kShort));
  EXPECT_EQ(runs.Recv(), 2);
  timer.Reset(kLong);
  EXPECT_TRUE(timer.Stop());
}

// Every run is either prevented, and Stop() said so, or happens.
TEST_F(TimeTest, StopOfAFunctionRacingWithFiring) {
  auto runs = std::make_shared<std::atomic<int>>(0);
  int prevented = 0;
  constexpr int kRounds = 300;
  for (int i = 0; i < kRounds; ++i) {
    Timer timer = AfterFunc(absl::Microseconds(i % 60), [runs] { ++*runs; });
    std::this_thread::sleep_for(std::chrono::microseconds(i % 70));
    if (timer.Stop()) ++prevented;
  }
  EXPECT_TRUE(weft::testing::WaitForNoFibers());
  for (int i = 0; i < 1000 && *runs + prevented != kRounds; ++i) Sleep(absl::Milliseconds(1));
  EXPECT_EQ(*runs + prevented, kRounds);
}

// ---- With select; ends of life ----

TEST_F(TimeTest, SelectWithATimeout) {
  auto never = MakeChan<int>();
  EXPECT_EQ(Select(OnRecv(never), OnRecv(After(kShort))), 1);
  auto ready = MakeChan<int>(1);
  ready.Send(1);
  EXPECT_EQ(Select(OnRecv(ready), OnRecv(After(kLong))), 0);
}

// AddressSanitizer sees a timer that fires after its channel has ended, LeakSanitizer one that does
// not end.
TEST_F(TimeTest, DroppedTimersEndAtOnce) {
  for (int i = 0; i < 1000; ++i) {
    (void)After(kLong);
    (void)Tick(kLong);
    Timer timer(kLong);
    Ticker ticker(kLong);
  }
}

TEST_F(TimeTest, DroppingRacesWithFiring) {
  for (int i = 0; i < 500; ++i) {
    Timer timer(absl::Microseconds(i % 60));
    Ticker ticker(absl::Microseconds(1 + i % 7));
    std::this_thread::sleep_for(std::chrono::microseconds(i % 70));
    if (i % 3 == 0) timer.Reset(absl::Microseconds(1));
  }
}

TEST_F(TimeTest, ManyWaitForTheirTimers) {
  Group group;
  for (int i = 0; i < 200; ++i) {
    group.Go([i] { EXPECT_TRUE(After(absl::Milliseconds(i % 20)).Recv().has_value()); });
  }
  group.Wait();
}

}  // namespace
}  // namespace weft
