#include "weft/sync/cond.h"

#include <atomic>
#include <mutex>
#include <type_traits>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/mutex.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::Crew;
using sync_testing::LetOthersBlock;

static_assert(sizeof(Cond) == 40);
static_assert(!std::is_copy_constructible_v<Cond> && !std::is_move_constructible_v<Cond>);

// Waiters that note when they were woken, in the order in which they began to wait.
class Line {
 public:
  explicit Line(int n) {
    for (int i = 0; i < n; ++i) {
      crew_.Fiber([this, i] {
        MutexLock lock(mu);
        arrived_ = i + 1;
        cond.Wait();
        woken_.push_back(i);
      });
      while (Arrived() != i + 1) Gosched();
    }
  }

  std::vector<int> Woken() {
    MutexLock lock(mu);
    return woken_;
  }

  void AwaitWoken(size_t n) {
    while (Woken().size() < n) Gosched();
  }

  Mutex mu;
  Cond cond{mu};

 private:
  int Arrived() {
    MutexLock lock(mu);
    return arrived_;
  }

  int arrived_ = 0;
  std::vector<int> woken_;
  Crew crew_;
};

using CondTest = weft::testing::FiberTest;

TEST_F(CondTest, SignalWakesTheOneWhoWaitedLongest) {
  Line line(5);
  for (int i = 0; i < 5; ++i) {
    line.cond.Signal();
    line.AwaitWoken(i + 1);
    EXPECT_EQ(line.Woken().back(), i);
  }
}

TEST_F(CondTest, SignalWakesNoMoreThanOne) {
  Line line(3);
  line.cond.Signal();
  line.AwaitWoken(1);
  LetOthersBlock();
  EXPECT_EQ(line.Woken().size(), 1u);
  line.cond.Broadcast();
}

TEST_F(CondTest, BroadcastWakesAll) {
  Line line(6);
  line.cond.Broadcast();
  line.AwaitWoken(6);
}

TEST_F(CondTest, SignalToNobodyIsNotRemembered) {
  Mutex mu;
  Cond cond(mu);
  cond.Signal();
  cond.Broadcast();
  MutexLock lock(mu);
  EXPECT_FALSE(cond.WaitFor(absl::Milliseconds(2)));
}

TEST_F(CondTest, TheLockNeedNotBeHeldForSignal) {
  Mutex mu;
  Cond cond(mu);
  bool ready = false;
  Crew crew;
  crew.Fiber([&] {
    {
      MutexLock lock(mu);
      ready = true;
    }
    cond.Signal();
  });
  MutexLock lock(mu);
  cond.Wait([&] { return ready; });
}

TEST_F(CondTest, WaitHoldsTheLockWhenItReturns) {
  Mutex mu;
  Cond cond(mu);
  MutexLock lock(mu);
  cond.WaitFor(absl::Milliseconds(1));
  EXPECT_FALSE(mu.try_lock());
}

TEST_F(CondTest, ASignalIsNotLostOnAWaiterWhoseTimeRanOut) {
  Mutex mu;
  Cond cond(mu);
  std::atomic<int> woken{0}, timed_out{0};
  for (int round = 0; round < 100; ++round) {
    woken = timed_out = 0;
    bool patient = false, done = false;
    Crew crew;
    crew.Fiber([&] {
      MutexLock lock(mu);
      (cond.WaitFor(absl::Microseconds(50)) ? woken : timed_out)++;
    });
    crew.Fiber([&] {
      MutexLock lock(mu);
      patient = true;
      cond.Wait([&] { return done; });
    });
    for (;;) {
      MutexLock lock(mu);
      if (patient) break;
    }
    {
      MutexLock lock(mu);
      done = true;
    }
    // One of the two waits that this may end is the impatient one's.
    cond.Signal();
    cond.Signal();
    crew.Join();
    EXPECT_EQ(woken + timed_out, 1);
  }
}

TEST_F(CondTest, TimedWaitWithAConditionSaysWhetherItHolds) {
  Mutex mu;
  Cond cond(mu);
  MutexLock lock(mu);
  EXPECT_FALSE(cond.WaitFor(absl::Milliseconds(1), [] { return false; }));
  EXPECT_FALSE(cond.WaitUntil(absl::Now(), [] { return false; }));
  EXPECT_TRUE(cond.WaitFor(absl::ZeroDuration(), [] { return true; }));
}

TEST_F(CondTest, WorksWithAnyLock) {
  std::mutex mu;
  Cond cond(mu);
  std::lock_guard<std::mutex> guard(mu);
  EXPECT_FALSE(cond.WaitFor(absl::Milliseconds(1)));
}

using CondStressTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, CondStressTest, weft::testing::kWorkerCounts);

// A bounded buffer: every item arrives exactly once although every waiter could be the one that is
//   woken.
TEST_P(CondStressTest, BoundedBuffer) {
  constexpr int kItems = 1500;
  Mutex mu;
  Cond not_empty(mu), not_full(mu);
  std::vector<int> buffer;
  std::vector<int> seen(3 * kItems);
  Crew crew;
  crew.Mixed(3, [&](int id) {
    for (int i = 0; i < kItems; ++i) {
      MutexLock lock(mu);
      not_full.Wait([&] { return buffer.size() < 4; });
      buffer.push_back(id * kItems + i);
      not_empty.Signal();
    }
  });
  crew.Mixed(3, [&](int) {
    for (int i = 0; i < kItems; ++i) {
      MutexLock lock(mu);
      while (buffer.empty()) not_empty.WaitFor(absl::Microseconds(100));
      ++seen[buffer.back()];
      buffer.pop_back();
      not_full.Signal();
    }
  });
  crew.Join();
  EXPECT_EQ(seen, std::vector<int>(3 * kItems, 1));
}

// Go's TestRace in our words: waiters and signallers in lockstep by a shared counter.
TEST_P(CondStressTest, BroadcastRounds) {
  Mutex mu;
  Cond cond(mu);
  int round = 0, arrived = 0;
  constexpr int kRounds = 100, kWaiters = 6;
  Crew crew;
  crew.Mixed(kWaiters, [&](int) {
    for (int i = 0; i < kRounds; ++i) {
      MutexLock lock(mu);
      if (++arrived == kWaiters) {
        arrived = 0;
        ++round;
        cond.Broadcast();
      } else {
        cond.Wait([&] { return round > i; });
      }
    }
  });
  crew.Join();
  EXPECT_EQ(round, kRounds);
}

}  // namespace
}  // namespace weft
