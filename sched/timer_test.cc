#include "weft/sched/timer.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/timer_queue.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/seed.h"

namespace weft {
namespace {

using sched_internal::TimerQueue;

// The queue alone, with a clock of the test's own.
struct Recorder {
  struct Timer : SchedTimer {
    Timer(Recorder* recorder, int id)
        : SchedTimer([](SchedTimer* timer, int64_t now) {
            auto* self = static_cast<Timer*>(timer);
            EXPECT_LE(self->when_ns(), now);
            self->recorder->fired.push_back(self->id);
          }),
          recorder(recorder),
          id(id) {}
    Recorder* recorder;
    int id;
  };
  std::vector<int> fired;
};

TEST(TimerQueueTest, FiresInTheOrderOfTimesThenOfArming) {
  Recorder recorder;
  TimerQueue queue(0);
  std::deque<Recorder::Timer> timers;
  const int64_t times[] = {500, 100, 500, 100, 70'000, 3, 70'000'000'000};
  for (int i = 0; i < 7; ++i) queue.Add(&timers.emplace_back(&recorder, i), times[i]);
  EXPECT_EQ(queue.next_when(), 3);
  queue.RunDue(2);
  EXPECT_TRUE(recorder.fired.empty());
  queue.RunDue(99'999'999'999);
  EXPECT_EQ(recorder.fired, (std::vector<int>{5, 1, 3, 0, 2, 4, 6}));
  EXPECT_EQ(queue.next_when(), TimerQueue::kNever);
}

TEST(TimerQueueTest, RemovedTimersDoNotFire) {
  Recorder recorder;
  TimerQueue queue(0);
  std::deque<Recorder::Timer> timers;
  for (int i = 0; i < 10; ++i) queue.Add(&timers.emplace_back(&recorder, i), 1'000'000 * i);
  for (int i = 0; i < 10; i += 2) EXPECT_TRUE(TimerQueue::Remove(&timers[i], false));
  EXPECT_FALSE(TimerQueue::Remove(&timers[0], false));
  queue.RunDue(100'000'000);
  EXPECT_EQ(recorder.fired, (std::vector<int>{1, 3, 5, 7, 9}));
  EXPECT_FALSE(TimerQueue::Remove(&timers[1], true));
}

TEST(TimerQueueTest, NeverArmedIsNotRemoved) {
  Recorder recorder;
  Recorder::Timer timer(&recorder, 0);
  EXPECT_FALSE(TimerQueue::Remove(&timer, true));
}

// Random arming, removal and passing of time, against a sorted list. Distances cover all levels of
// the wheel.
TEST(TimerQueueTest, AgreesWithASortedListOnRandomPrograms) {
  std::mt19937_64 random(testing::Seed());
  for (int program = 0; program < testing::Repeat(200); ++program) {
    Recorder recorder;
    int64_t now = static_cast<int64_t>(random() % 1'000'000'000'000);
    TimerQueue queue(now);
    std::deque<Recorder::Timer> timers;
    struct Armed {
      int64_t when;
      int order;
      int id;
    };
    std::vector<Armed> reference;
    std::vector<int> expected;
    int order = 0;
    const auto pass = [&](int64_t to) {
      now = to;
      std::sort(reference.begin(), reference.end(), [](const Armed& a, const Armed& b) {
        return a.when != b.when ? a.when < b.when : a.order < b.order;
      });
      while (!reference.empty() && reference.front().when <= now) {
        expected.push_back(reference.front().id);
        reference.erase(reference.begin());
      }
      queue.RunDue(now);
      ASSERT_EQ(recorder.fired, expected);
      int64_t first = TimerQueue::kNever;
      for (const Armed& armed : reference) first = std::min(first, armed.when);
      // Never late; early only where the wheel is coarse.
      ASSERT_LE(queue.next_when(), first);
      if (reference.empty()) {
        ASSERT_EQ(queue.next_when(), TimerQueue::kNever);
      }
    };
    for (int step = 0; step < 300; ++step) {
      const int distance_bits = static_cast<int>(random() % 50);
      const int64_t distance = static_cast<int64_t>(random() % (uint64_t{1} << distance_bits));
      switch (random() % 4) {
        case 0:
        case 1: {
          const int id = static_cast<int>(timers.size());
          const int64_t when = random() % 8 == 0 ? now - distance % 1000 : now + distance;
          queue.Add(&timers.emplace_back(&recorder, id), when);
          reference.push_back({std::max<int64_t>(when, 0), order++, id});
          break;
        }
        case 2:
          if (!reference.empty()) {
            const size_t victim = random() % reference.size();
            ASSERT_TRUE(TimerQueue::Remove(&timers[reference[victim].id], random() % 2 == 0));
            reference.erase(reference.begin() + static_cast<int64_t>(victim));
          }
          break;
        case 3:
          pass(now + distance);
          break;
      }
      if (HasFatalFailure()) return;
    }
    pass(now + (int64_t{1} << 56));
    if (HasFatalFailure()) return;
  }
}

TEST(TimerQueueTest, CallbackMayArmItselfAgain) {
  struct Repeating : SchedTimer {
    explicit Repeating(TimerQueue* queue)
        : SchedTimer([](SchedTimer* timer, int64_t) {
            auto* self = static_cast<Repeating*>(timer);
            if (++self->count < 5) self->queue->Add(self, self->when_ns() + 1'000);
          }),
          queue(queue) {}
    TimerQueue* queue;
    int count = 0;
  };
  TimerQueue queue(0);
  Repeating timer(&queue);
  queue.Add(&timer, 10);
  queue.RunDue(2'500);
  EXPECT_EQ(timer.count, 3);
  queue.RunDue(1'000'000);
  EXPECT_EQ(timer.count, 5);
}

class SchedTimerTest : public testing::WorkerTest {};
INSTANTIATE_TEST_SUITE_P(Workers, SchedTimerTest, testing::kWorkerCounts);

struct Alarm : SchedTimer {
  explicit Alarm(Parkable* waiter)
      : SchedTimer([](SchedTimer* timer, int64_t) { Ready(static_cast<Alarm*>(timer)->waiter); }),
        waiter(waiter) {}
  Parkable* waiter;
};

TEST_P(SchedTimerTest, WakesAPlainThread) {
  Alarm alarm(CurrentParkable());
  const int64_t when = MonotonicNanos() + 2'000'000;
  alarm.Arm(when);
  Park(WaitReason::kSleep);
  EXPECT_GE(MonotonicNanos(), when);
}

TEST_P(SchedTimerTest, EarlierTimerOfAPlainThreadDoesNotWaitForALaterOne) {
  struct Nothing : SchedTimer {
    Nothing() : SchedTimer([](SchedTimer*, int64_t) {}) {}
  } late;
  late.Arm(MonotonicNanos() + int64_t{3'600'000'000'000});
  // Give some worker the time to fall asleep until the late one.
  for (int i = 0; i < 3; ++i) {
    Alarm alarm(CurrentParkable());
    alarm.Arm(MonotonicNanos() + 1'000'000);
    Park(WaitReason::kSleep);  // an hour, if the sleeper is not told
  }
  EXPECT_TRUE(late.Cancel());
}

TEST(SchedTimerOrderTest, FibersWakeInTheOrderOfTheirTimes) {
  const int former =
      GOMAXPROCS(1);  // on several workers they wake in order, but may overtake each other
  testing::RunInFiber([] {
    struct Sleeper : SchedTimer {
      Sleeper()
          : SchedTimer([](SchedTimer* timer, int64_t) {
              ReadyLast(static_cast<Sleeper*>(timer)->waiter);
            }) {}
      Parkable* waiter = nullptr;
    };
    constexpr int kSleepers = 50;
    std::deque<Sleeper> sleepers(kSleepers);
    std::atomic<int> parked{0};
    std::atomic<int> ended{0};
    std::atomic<int> done{0};
    std::vector<int> order(kSleepers);
    for (int i = 0; i < kSleepers; ++i) {
      Go([&, i] {
        sleepers[i].waiter = CurrentParkable();
        parked.fetch_add(1);
        Park(WaitReason::kSleep);
        order[ended.fetch_add(1)] = i;
        done.fetch_add(1);
      });
    }
    while (parked.load() < kSleepers) Gosched();
    const int64_t base = MonotonicNanos() + 1'000'000;
    for (int i = kSleepers - 1; i >= 0; --i) sleepers[i].Arm(base + i * 10'000);
    while (done.load() < kSleepers) Gosched();
    for (int i = 0; i < kSleepers; ++i) EXPECT_EQ(order[i], i);
  });
  GOMAXPROCS(former);
}

TEST_P(SchedTimerTest, CancelRacesWithTheCallback) {
  testing::RunInFiber([] {
    struct Flag : SchedTimer {
      Flag()
          : SchedTimer(
                [](SchedTimer* timer, int64_t) { static_cast<Flag*>(timer)->rung.fetch_add(1); }) {}
      std::atomic<int> rung{0};
    };
    for (int i = 0; i < testing::Repeat(3'000); ++i) {
      Flag flag;
      flag.Arm(MonotonicNanos() + i % 50 * 1'000);
      if (i % 2 == 0) Gosched();
      if (i % 3 == 0) Sleep(absl::Microseconds(i % 40));
      const bool prevented = flag.CancelAndWait();
      ASSERT_EQ(flag.rung, prevented ? 0 : 1);
    }
  });
}

TEST_P(SchedTimerTest, ManySleepersAllWake) {
  testing::RunInFiber([] {
    const int sleepers = testing::Repeat(5'000);
    std::atomic<int> left{sleepers};
    Parkable* const self = CurrentParkable();
    for (int i = 0; i < sleepers; ++i) {
      Go([&left, self, i] {
        Sleep(absl::Microseconds(i * 7 % 5'000));
        if (left.fetch_sub(1) == 1) Ready(self);
      });
    }
    Park(WaitReason::kForever);
  });
}

// A timer on a worker whose fiber does not enter the scheduler is served by another worker.
TEST(TimerHogTest, TimerOfABusyWorkerFires) {
  const int former = GOMAXPROCS(2);
  std::atomic<bool> stop{false};
  Parkable* const self = CurrentParkable();
  Go([&] {
    Alarm alarm(self);
    alarm.Arm(MonotonicNanos() + 1'000'000);
    while (!stop) {
    }
    Ready(self);
  });
  Park(WaitReason::kSleep);  // for ever, if only the busy worker could fire it
  stop = true;
  Park(WaitReason::kForever);
  GOMAXPROCS(former);
  ASSERT_TRUE(testing::WaitForNoFibers());
}

}  // namespace
}  // namespace weft
