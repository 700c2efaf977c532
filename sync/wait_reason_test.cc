// What a dump says that a fiber waits for: each primitive has a reason of its own.
#include <atomic>
#include <functional>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/barrier.h"
#include "weft/sync/cond.h"
#include "weft/sync/event.h"
#include "weft/sync/latch.h"
#include "weft/sync/monitor.h"
#include "weft/sync/mutex.h"
#include "weft/sync/once.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using WaitReasonTest = weft::testing::FiberTest;

// Runs wait() in a fiber until it is parked for `reason`, which the fixture's patience limits; then
// calls release().
void ExpectReason(WaitReason reason, const std::function<void()>& wait,
                  const std::function<void()>& release) {
  std::atomic<Parkable*> waiter{nullptr};
  WaitGroup wg;
  wg.Go([&] {
    waiter = CurrentParkable();
    wait();
  });
  const auto seen = [&] {
    const auto* const fiber = static_cast<const sched_internal::Fiber*>(waiter.load());
    return fiber == nullptr ? WaitReason::kNone : fiber->wait_reason.load();
  };
  const absl::Time patience = absl::Now() + absl::Seconds(30);
  while (seen() != reason && absl::Now() < patience) Sleep(absl::Microseconds(100));
  EXPECT_EQ(WaitReasonText(seen()), WaitReasonText(reason));
  release();
  wg.Wait();
}

TEST_F(WaitReasonTest, Locks) {
  Mutex mu;
  mu.lock();
  ExpectReason(
      WaitReason::kSyncMutexLock, [&] { MutexLock lock(mu); }, [&] { mu.unlock(); });
  RWMutex rw;
  rw.lock();
  ExpectReason(
      WaitReason::kSyncRWMutexLock, [&] { WriterLock lock(rw); }, [&] { rw.unlock(); });
  rw.lock();
  ExpectReason(
      WaitReason::kSyncRWMutexRLock, [&] { ReaderLock lock(rw); }, [&] { rw.unlock(); });
  Semaphore one(1);
  one.Acquire();
  ExpectReason(
      WaitReason::kSemacquire, [&] { one.Acquire(); }, [&] { one.Release(); });
}

TEST_F(WaitReasonTest, Signals) {
  Mutex mu;
  Cond cond(mu);
  bool over = false;
  ExpectReason(
      WaitReason::kSyncCondWait,
      [&] {
        MutexLock lock(mu);
        cond.Wait([&] { return over; });
      },
      [&] {
        MutexLock lock(mu);
        over = true;
        cond.Signal();
      });
  Event event(EventReset::kManual);
  ExpectReason(
      WaitReason::kSyncEventWait, [&] { event.Wait(); }, [&] { event.Set(); });
  Monitor monitor;
  ExpectReason(
      WaitReason::kSyncMonitorWait, [&] { Synchronized(monitor, [&] { monitor.Wait(); }); },
      [&] { Synchronized(monitor, [&] { monitor.Notify(); }); });
}

TEST_F(WaitReasonTest, Counts) {
  WaitGroup wg;
  wg.Add(1);
  ExpectReason(
      WaitReason::kSyncWaitGroupWait, [&] { wg.Wait(); }, [&] { wg.Done(); });
  Latch latch(1);
  ExpectReason(
      WaitReason::kSyncLatchWait, [&] { latch.Wait(); }, [&] { latch.CountDown(); });
  Barrier barrier(2);
  const auto arrive = [&] { EXPECT_TRUE(barrier.ArriveAndWait().ok()); };
  ExpectReason(WaitReason::kSyncBarrierArrive, arrive, arrive);
  Once once;
  Event begun(EventReset::kManual), end(EventReset::kManual);
  Go([&] {
    once.Do([&] {
      begun.Set();
      end.Wait();
    });
  });
  begun.Wait();
  ExpectReason(
      WaitReason::kSyncOnceDo, [&] { once.Do([] {}); }, [&] { end.Set(); });
}

}  // namespace
}  // namespace weft
