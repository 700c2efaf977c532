#include "weft/sync/monitor.h"

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/latch.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::Crew;
using sync_testing::PanicOf;

static_assert(sizeof(Monitor) == 64);
static_assert(!std::is_copy_constructible_v<Monitor> && !std::is_move_constructible_v<Monitor>);

using MonitorTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, MonitorTest, weft::testing::kWorkerCounts);

TEST_P(MonitorTest, SynchronizedExcludesAndNests) {
  const int rounds = weft::testing::Repeat(500);
  Monitor monitor;
  int plain = 0;
  Crew crew;
  crew.Mixed(6, [&](int) {
    for (int round = 0; round < rounds; ++round) {
      Synchronized(monitor, [&] {
        const int before = plain;
        Synchronized(monitor, [&] { EXPECT_EQ(monitor.HoldCount(), 2); });
        plain = before + 1;
      });
    }
  });
  crew.Join();
  EXPECT_EQ(plain, 6 * rounds);
}

TEST_P(MonitorTest, SynchronizedReturnsWhatTheFunctionReturns) {
  Monitor monitor;
  int value = 7;
  EXPECT_EQ(Synchronized(monitor, [] { return std::make_unique<int>(3); }).operator*(), 3);
  static_assert(
      std::is_same_v<decltype(Synchronized(monitor, [&]() -> int& { return value; })), int&>);
  EXPECT_EQ(&Synchronized(monitor, [&]() -> int& { return value; }), &value);
  EXPECT_THROW(Synchronized(monitor, [] { throw std::runtime_error("out"); }), std::runtime_error);
  EXPECT_EQ(monitor.HoldCount(), 0);
}

// If the wait kept one of the levels, nobody could come in to end it.
TEST_P(MonitorTest, WaitGivesUpAllLevelsAndRestoresThem) {
  Monitor monitor;
  bool ready = false, waiting = false;
  Crew crew;
  crew.Mixed(3, [&](int) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (int i = 0; i < 3; ++i) monitor.Enter();
    waiting = true;
    monitor.Wait([&] { return ready; });
    EXPECT_EQ(monitor.HoldCount(), 3);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(monitor.WaitFor(absl::Microseconds(10)), false);
      EXPECT_EQ(monitor.HoldCount(), 3 - i);
      monitor.Exit();
    }
    EXPECT_EQ(monitor.HoldCount(), 0);
  });
  while (!Synchronized(monitor, [&] { return waiting; })) Gosched();
  Synchronized(monitor, [&] {
    Synchronized(monitor, [&] {
      ready = true;
      monitor.NotifyAll();
    });
  });
}

TEST_P(MonitorTest, NotifyWakesTheOneWhoWaitedLongest) {
  constexpr int kWaiters = 5;
  Monitor monitor;
  int waiting = 0;
  std::vector<int> order;
  Crew crew;
  for (int i = 0; i < kWaiters; ++i) {
    crew.Fiber([&, i] {
      Synchronized(monitor, [&] {
        ++waiting;
        monitor.Wait();
        order.push_back(i);
      });
    });
    while (Synchronized(monitor, [&] { return waiting; }) <= i) Gosched();
  }
  for (size_t i = 0; i < kWaiters; ++i) {
    Synchronized(monitor, [&] {
      EXPECT_EQ(order.size(), i);
      monitor.Notify();
    });
    while (Synchronized(monitor, [&] { return order.size(); }) <= i) Gosched();
  }
  crew.Join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_P(MonitorTest, TimedWaitSaysWhetherSomebodyNotified) {
  Monitor monitor;
  Synchronized(monitor, [&] {
    EXPECT_FALSE(monitor.WaitFor(absl::Milliseconds(1)));
    EXPECT_FALSE(monitor.WaitFor(absl::ZeroDuration()));
    EXPECT_FALSE(monitor.WaitFor(absl::Milliseconds(1), [] { return false; }));
    EXPECT_TRUE(monitor.WaitFor(absl::ZeroDuration(), [] { return true; }));
  });
  bool ready = false;
  Crew crew;
  crew.Mixed(3, [&](int) {
    Synchronized(monitor, [&] {
      EXPECT_TRUE(monitor.WaitFor(absl::InfiniteDuration(), [&] { return ready; }));
    });
  });
  Synchronized(monitor, [&] {
    ready = true;
    monitor.NotifyAll();
  });
}

TEST_P(MonitorTest, OutsideItWaitAndNotifyPanic) {
  Monitor monitor;
  const auto panic_of = [&](auto fn) ABSL_NO_THREAD_SAFETY_ANALYSIS { return PanicOf(fn); };
  EXPECT_EQ(panic_of([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { monitor.Wait(); }),
            "sync: Wait outside the Monitor");
  EXPECT_EQ(panic_of([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { monitor.Notify(); }),
            "sync: Notify outside the Monitor");
  std::lock_guard<Monitor> lock(monitor);
  Crew crew;
  crew.Mixed(3, [&](int) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    EXPECT_EQ(panic_of([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { monitor.NotifyAll(); }),
              "sync: NotifyAll outside the Monitor");
    EXPECT_FALSE(monitor.TryEnter());
    EXPECT_FALSE(monitor.TryEnterFor(absl::Milliseconds(1)));
  });
}

// Java's bounded buffer.
TEST_P(MonitorTest, ABoundedBufferLosesNothing) {
  constexpr int kProducers = 3, kConsumers = 3;
  const int items = weft::testing::Repeat(600);
  Monitor monitor;
  std::deque<int> buffer;
  std::vector<int> seen(kProducers * items);
  Crew crew;
  crew.Mixed(kProducers, [&](int p) {
    for (int i = 0; i < items; ++i) {
      Synchronized(monitor, [&] {
        monitor.Wait([&] { return buffer.size() < 4; });
        buffer.push_back(p * items + i);
        monitor.NotifyAll();
      });
    }
  });
  crew.Mixed(kConsumers, [&](int) {
    for (int i = 0; i < items; ++i) {
      Synchronized(monitor, [&] {
        while (buffer.empty()) monitor.WaitFor(absl::Microseconds(100));
        ++seen[buffer.front()];
        buffer.pop_front();
        monitor.NotifyAll();
      });
    }
  });
  crew.Join();
  for (int count : seen) EXPECT_EQ(count, 1);
}

using MonitorDeathTest = weft::testing::FiberTest;

TEST_F(MonitorDeathTest, ExitByAnybodyElseIsFatal) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  Monitor monitor;
  EXPECT_EXIT([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { monitor.Exit(); }(),
              ::testing::ExitedWithCode(2), "does not hold");
}

}  // namespace
}  // namespace weft
