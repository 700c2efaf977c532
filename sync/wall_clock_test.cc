// Timed waits while somebody sets the wall clock back: they must end in time even so. This
// program's own clock_gettime() stands before the C library's, and its wall clock goes an hour back
// at each look.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <functional>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/timer.h"
#include "weft/sync/barrier.h"
#include "weft/sync/cond.h"
#include "weft/sync/event.h"
#include "weft/sync/latch.h"
#include "weft/sync/monitor.h"
#include "weft/sync/mutex.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/waitgroup.h"

namespace {

std::atomic<bool> disturbed{false};
std::atomic<int64_t> looks{0};

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* now) {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
  if (clock == CLOCK_REALTIME && disturbed) now->tv_sec -= 3600 * ++looks;
  return result;
}

namespace weft {
namespace {

constexpr absl::Duration kTimeout = absl::Milliseconds(5);

// In a fiber and in a thread: wait() returns false, not before kTimeout and not much later.
void ExpectTimesOut(const std::function<bool()>& wait) {
  const auto check = [&] {
    const int64_t before = MonotonicNanos();
    EXPECT_FALSE(wait());
    EXPECT_GE(MonotonicNanos() - before, absl::ToInt64Nanoseconds(kTimeout));
  };
  check();
  testing::RunInFiber(check);
}

class WallClockTest : public testing::FiberTest {
 protected:
  void SetUp() override {
    FiberTest::SetUp();
    disturbed = true;
  }
  void TearDown() override {
    disturbed = false;
    FiberTest::TearDown();
  }
};

// Without this the tests below could pass because nothing was disturbed.
TEST_F(WallClockTest, GoesBackInThisProgram) {
  const int64_t before = looks;
  timespec first, second;
  clock_gettime(CLOCK_REALTIME, &first);
  clock_gettime(CLOCK_REALTIME, &second);
  EXPECT_LT(second.tv_sec, first.tv_sec);
  const absl::Time now = absl::Now();
  while (absl::Now() > now - absl::Minutes(50)) {
  }
  EXPECT_GE(looks, before + 2);
}

TEST_F(WallClockTest, Locks) {
  Mutex mu;
  mu.lock();
  ExpectTimesOut([&] { return mu.TryLockFor(kTimeout); });
  mu.unlock();
  RWMutex rw;
  rw.lock();
  ExpectTimesOut([&] { return rw.TryLockFor(kTimeout); });
  ExpectTimesOut([&] { return rw.TryLockSharedFor(kTimeout); });
  rw.unlock();
  Semaphore semaphore(1);
  semaphore.Acquire();
  ExpectTimesOut([&] { return semaphore.TryAcquireFor(kTimeout); });
}

TEST_F(WallClockTest, Conditions) {
  Mutex mu;
  Cond cond(mu);
  ExpectTimesOut([&] {
    MutexLock lock(mu);
    return cond.WaitFor(kTimeout);
  });
  Monitor monitor;
  ExpectTimesOut([&] { return Synchronized(monitor, [&] { return monitor.WaitFor(kTimeout); }); });
  ExpectTimesOut([&] {
    return Synchronized(monitor, [&] { return monitor.WaitFor(kTimeout, [] { return false; }); });
  });
}

// Signals that change nothing make it look at the clock again and again.
TEST_F(WallClockTest, ConditionsThatAreSignalledMeanwhile) {
  Mutex mu;
  Cond cond(mu);
  std::atomic<bool> over{false};
  WaitGroup wg;
  wg.Go([&] {
    while (!over) {
      cond.Broadcast();
      Sleep(absl::Microseconds(200));
    }
  });
  ExpectTimesOut([&] {
    MutexLock lock(mu);
    return cond.WaitFor(kTimeout, [] { return false; });
  });
  over = true;
  wg.Wait();
}

TEST_F(WallClockTest, EventsLatchesAndBarriers) {
  Event event(EventReset::kManual);
  ExpectTimesOut([&] { return event.WaitFor(kTimeout); });
  Latch latch(1);
  ExpectTimesOut([&] { return latch.WaitFor(kTimeout); });
  Barrier barrier(2);
  ExpectTimesOut([&] {
    const bool came = barrier.ArriveAndWaitFor(kTimeout).ok();
    barrier.Reset();
    return came;
  });
}

}  // namespace
}  // namespace weft
