#include "weft/patterns/worker_pool.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/patterns/func_pool.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/synctest.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using WorkerPoolTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, WorkerPoolTest, weft::testing::kWorkerCounts);

constexpr auto kOk = absl::StatusCode::kOk;

// Tasks that stay until Open().
class Gate {
 public:
  std::function<void()> Task() {
    return [this] {
      ++entered_;
      gate_.Recv();
      ++left_;
    };
  }
  void AwaitEntered(int n) {
    while (entered_ < n) Gosched();
  }
  void Open() { gate_.Close(); }
  int entered() const { return entered_; }
  int left() const { return left_; }

 private:
  Chan<Empty> gate_ = MakeChan<Empty>();
  std::atomic<int> entered_{0}, left_{0};
};

// Waits for what other fibers will bring about.
template <typename Condition>
void Eventually(Condition condition) {
  while (!condition()) Gosched();
}

TEST_P(WorkerPoolTest, RunsEveryTaskOnce) {
  constexpr int kTasks = 1000;
  std::vector<std::atomic<int>> ran(kTasks);
  {
    WorkerPool pool(10);
    for (int i = 0; i < kTasks; ++i) ASSERT_TRUE(pool.Submit([&ran, i] { ++ran[i]; }).ok());
    EXPECT_LE(pool.Running(), 10);
    Eventually([&] {
      int sum = 0;
      for (auto& one : ran) sum += one;
      return sum == kTasks;
    });
  }
  for (auto& one : ran) EXPECT_EQ(one, 1);
}

TEST_P(WorkerPoolTest, CountsRunningFreeWaitingCap) {
  Gate gate;
  WorkerPool pool(2);
  EXPECT_EQ(pool.Cap(), 2);
  EXPECT_EQ(pool.Free(), 2);
  ASSERT_TRUE(pool.Submit(gate.Task()).ok());
  EXPECT_EQ(pool.Running(), 1);
  EXPECT_EQ(pool.Free(), 1);
  ASSERT_TRUE(pool.Submit(gate.Task()).ok());
  WaitGroup wg;
  wg.Go([&] { EXPECT_TRUE(pool.Submit(gate.Task()).ok()); });
  Eventually([&] { return pool.Waiting() == 1; });
  EXPECT_EQ(pool.Free(), 0);
  gate.Open();
  wg.Wait();
  Eventually([&] { return gate.left() == 3; });
  EXPECT_EQ(pool.Waiting(), 0);
  EXPECT_EQ(pool.Running(), 2) << "idle workers stay";
}

TEST_P(WorkerPoolTest, WithoutCapacityThereIsNoLimit) {
  Gate gate;
  WorkerPool pool(0);
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(pool.Submit(gate.Task()).ok());
  EXPECT_EQ(pool.Running(), 500);
  EXPECT_EQ(pool.Free(), -1);
  EXPECT_EQ(pool.Cap(), -1);
  pool.Tune(3);
  EXPECT_EQ(pool.Cap(), -1) << "Tune has no effect on an unlimited pool";
  gate.Open();
}

TEST_P(WorkerPoolTest, AnIdleWorkerIsUsedAgain) {
  WorkerPool pool(100);
  for (int i = 0; i < 50; ++i) {
    auto done = MakeChan<Empty>(1);
    ASSERT_TRUE(pool.Submit([=] { done.Send({}); }).ok());
    done.Recv();
    // The worker says so before it is idle.
    while (pool.Running() > 2) Gosched();
  }
  EXPECT_LE(pool.Running(), 2);
}

TEST_P(WorkerPoolTest, NonblockingRefusesAtCapacity) {
  Gate gate;
  WorkerPool pool(1, {.nonblocking = true});
  ASSERT_TRUE(pool.Submit(gate.Task()).ok());
  EXPECT_EQ(pool.Submit([] {}).code(), absl::StatusCode::kResourceExhausted);
  gate.Open();
  Eventually([&] { return pool.Submit([] {}).ok(); });
}

TEST_P(WorkerPoolTest, MaxBlockingRefusesWhenSoManyWait) {
  Gate gate;
  WorkerPool pool(1, {.max_blocking = 2});
  ASSERT_TRUE(pool.Submit(gate.Task()).ok());
  WaitGroup wg;
  for (int i = 0; i < 2; ++i) {
    wg.Go([&] { EXPECT_TRUE(pool.Submit([] {}).ok()); });
  }
  Eventually([&] { return pool.Waiting() == 2; });
  EXPECT_EQ(pool.Submit([] {}).code(), absl::StatusCode::kResourceExhausted);
  gate.Open();
  wg.Wait();
}

TEST_P(WorkerPoolTest, ThoseWhoWaitAreServedInOrder) {
  Gate gate;
  WorkerPool pool(1);
  ASSERT_TRUE(pool.Submit(gate.Task()).ok());
  std::vector<int> order;  // by the one worker
  WaitGroup wg;
  for (int i = 0; i < 5; ++i) {
    wg.Go([&, i] { EXPECT_TRUE(pool.Submit([&order, i] { order.push_back(i); }).ok()); });
    Eventually([&] { return pool.Waiting() == i + 1; });
  }
  gate.Open();
  wg.Wait();
  EXPECT_TRUE(pool.ReleaseTimeout(absl::InfiniteDuration()).ok());
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_P(WorkerPoolTest, TheContextEndsTheWait) {
  Gate gate;
  WorkerPool pool(1);
  ASSERT_TRUE(pool.Submit(gate.Task()).ok());
  auto [ctx, cancel] = WithCancel(Background());
  WaitGroup wg;
  wg.Go([&, ctx = ctx] {
    EXPECT_EQ(pool.Submit(ctx, [] { FAIL(); }).code(), absl::StatusCode::kCancelled);
  });
  Eventually([&] { return pool.Waiting() == 1; });
  cancel();
  wg.Wait();
  EXPECT_EQ(pool.Waiting(), 0);
  EXPECT_EQ(pool.Submit(ctx, [] { FAIL(); }).code(), absl::StatusCode::kCancelled);
  gate.Open();
}

TEST_P(WorkerPoolTest, APanicGoesToTheHandlerAndTheWorkerLivesOn) {
  std::atomic<int> handled{0};
  WorkerPool pool(1, {.panic_handler = [&](const Recovered& panic) {
                    EXPECT_EQ(panic.message(), "task broke");
                    EXPECT_NE(panic.Stack(), "");
                    ++handled;
                  }});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool.Submit([] { Panic("task broke"); }).ok());
  bool ran = false;
  ASSERT_TRUE(pool.Submit([&] { ran = true; }).ok());
  ASSERT_TRUE(pool.ReleaseTimeout(absl::InfiniteDuration()).ok());
  EXPECT_EQ(handled, 3);
  EXPECT_TRUE(ran);
}

TEST_P(WorkerPoolTest, WithoutAHandlerAPanicIsWrittenAndTheProcessGoesOn) {
  ::testing::internal::CaptureStderr();
  {
    WorkerPool pool(1);
    ASSERT_TRUE(pool.Submit([] { Panic("task broke"); }).ok());
    ASSERT_TRUE(pool.Submit([] {}).ok());
  }
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("task broke"), std::string::npos);
}

TEST_P(WorkerPoolTest, GoexitEndsAWorkerAndAnotherTakesItsPlace) {
  WorkerPool pool(2);
  std::atomic<int> ran{0};
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(pool.Submit([&] {
                      ++ran;
                      Goexit();
                    })
                    .ok());
  }
  ASSERT_TRUE(pool.ReleaseTimeout(absl::InfiniteDuration()).ok());
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(pool.Running(), 0);
}

TEST_P(WorkerPoolTest, IdleWorkersExpire) {
  Gate gate;
  WorkerPool pool(10, {.expiry = absl::Milliseconds(1)});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(pool.Submit(gate.Task()).ok());
  EXPECT_EQ(pool.Running(), 10);
  gate.Open();
  Eventually([&] { return pool.Running() == 0; });
  bool ran = false;
  ASSERT_TRUE(pool.Submit([&] { ran = true; }).ok());  // and the pool goes on
  Eventually([&] { return pool.Running() == 0; });
  EXPECT_TRUE(ran);
}

TEST(WorkerPoolTimeTest, WithDisablePurgeIdleWorkersStay) {
  synctest::Test([] {
    Gate gate;
    WorkerPool pool(4, {.expiry = absl::Seconds(1), .disable_purge = true});
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(pool.Submit(gate.Task()).ok());
    gate.Open();
    synctest::Sleep(absl::Hours(1));
    EXPECT_EQ(gate.left(), 4);
    EXPECT_EQ(pool.Running(), 4);
  });
}

TEST_P(WorkerPoolTest, TuneUpLetsWaitingSubmissionsIn) {
  Gate gate;
  WorkerPool pool(1);
  WaitGroup wg;
  for (int i = 0; i < 4; ++i) {
    wg.Go([&] { EXPECT_TRUE(pool.Submit(gate.Task()).ok()); });
  }
  Eventually([&] { return pool.Waiting() == 3; });
  pool.Tune(3);
  gate.AwaitEntered(3);
  EXPECT_EQ(pool.Waiting(), 1);
  EXPECT_EQ(pool.Running(), 3);
  gate.Open();
  wg.Wait();
}

TEST_P(WorkerPoolTest, TuneDownEndsIdleWorkersAtOnceAndOthersAfterTheirTask) {
  Gate idle, busy;
  WorkerPool pool(6);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool.Submit(idle.Task()).ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool.Submit(busy.Task()).ok());
  idle.Open();
  busy.AwaitEntered(3);
  pool.Tune(1);
  Eventually([&] { return pool.Running() == 3; });
  EXPECT_EQ(pool.Free(), 0);
  busy.Open();
  Eventually([&] { return pool.Running() == 1; });
  EXPECT_EQ(pool.Cap(), 1);
}

TEST_P(WorkerPoolTest, ReleaseFailsThoseWhoWaitAndLetsTasksEnd) {
  Gate gate;
  WorkerPool pool(1);
  ASSERT_TRUE(pool.Submit(gate.Task()).ok());
  WaitGroup wg;
  wg.Go([&] {
    EXPECT_EQ(pool.Submit([] { FAIL(); }).code(), absl::StatusCode::kFailedPrecondition);
  });
  Eventually([&] { return pool.Waiting() == 1; });
  pool.Release();
  pool.Release();  // again: nothing
  wg.Wait();
  EXPECT_TRUE(pool.IsClosed());
  EXPECT_EQ(pool.Submit([] {}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(pool.Running(), 1);
  EXPECT_FALSE(pool.AwaitReleased(absl::ZeroDuration()));
  gate.Open();
  EXPECT_TRUE(pool.AwaitReleased(absl::InfiniteDuration()));
  EXPECT_EQ(gate.left(), 1);
}

TEST_P(WorkerPoolTest, ReleaseTimeoutSaysWhetherAllHaveEnded) {
  Gate gate;
  WorkerPool pool(1);
  ASSERT_TRUE(pool.Submit(gate.Task()).ok());
  EXPECT_EQ(pool.ReleaseTimeout(absl::Milliseconds(1)).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(pool.ReleaseTimeout(absl::Milliseconds(1)).code(),
            absl::StatusCode::kFailedPrecondition);
  gate.Open();
}

TEST_P(WorkerPoolTest, RebootOpensAgain) {
  WorkerPool pool(2);
  ASSERT_TRUE(pool.Submit([] {}).ok());
  ASSERT_TRUE(pool.ReleaseTimeout(absl::InfiniteDuration()).ok());
  pool.Reboot();
  EXPECT_FALSE(pool.IsClosed());
  bool ran = false;
  ASSERT_TRUE(pool.Submit([&] { ran = true; }).ok());
  ASSERT_TRUE(pool.ReleaseTimeout(absl::InfiniteDuration()).ok());
  EXPECT_TRUE(ran);
}

TEST_P(WorkerPoolTest, TheDestructorWaitsForTasks) {
  Gate gate;
  Go([&] {
    gate.AwaitEntered(3);
    gate.Open();
  });
  {
    WorkerPool pool(3);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool.Submit(gate.Task()).ok());
  }
  EXPECT_EQ(gate.left(), 3);
}

TEST_P(WorkerPoolTest, TasksMayBeMoveOnly) {
  int got = 0;
  {
    WorkerPool pool(1);
    ASSERT_TRUE(pool.Submit([&got, p = std::make_unique<int>(7)] { got = *p; }).ok());
  }
  EXPECT_EQ(got, 7);
}

TEST_P(WorkerPoolTest, OptionsThatMakeNoSensePanic) {
  EXPECT_THROW(WorkerPool(1, {.expiry = -absl::Seconds(1)}), PanicError);
  EXPECT_THROW(WorkerPool(1, {.max_blocking = -1}), PanicError);
  EXPECT_THROW(FuncPool<int>(1, nullptr), PanicError);
}

TEST_P(WorkerPoolTest, TheDefaultPoolIsOneAndUnlimited) {
  EXPECT_EQ(&DefaultWorkerPool(), &DefaultWorkerPool());
  EXPECT_EQ(DefaultWorkerPool().Cap(), -1);
  auto done = MakeChan<Empty>(1);
  ASSERT_EQ(DefaultWorkerPool().Submit([=] { done.Send({}); }).code(), kOk);
  done.Recv();
  // Its worker would outlive the test.
  ASSERT_TRUE(DefaultWorkerPool().ReleaseTimeout(absl::InfiniteDuration()).ok());
  DefaultWorkerPool().Reboot();
}

// Submitters, cancellations, tuning, panics, releases at once; every task that was accepted runs
// exactly once, and no other.
TEST_P(WorkerPoolTest, StressEveryAcceptedTaskRunsOnce) {
  for (int round = 0; round < weft::testing::Repeat(30); ++round) {
    std::atomic<int> accepted{0}, ran{0}, most{0}, now{0};
    {
      WorkerPool pool(4, {.expiry = absl::Microseconds(50),
                          .max_blocking = round % 3,
                          .panic_handler = [](const Recovered&) {}});
      auto [ctx, cancel] = WithCancel(Background());
      WaitGroup wg;
      for (int f = 0; f < 8; ++f) {
        wg.Go([&, f, ctx = ctx] {
          for (int i = 0; i < 50; ++i) {
            auto task = [&, i] {
              const int active = ++now;
              int seen = most;
              while (active > seen && !most.compare_exchange_weak(seen, active)) {
              }
              if (i % 5 == 0) Gosched();
              --now;
              ++ran;
              if (i % 11 == 0) Panic("now and then");
              if (i % 13 == 0) Goexit();
            };
            accepted += (f % 2 == 0 ? pool.Submit(ctx, task) : pool.Submit(task)).ok();
          }
        });
      }
      wg.Go([&, cancel = cancel] {
        for (int i = 1; i <= 20; ++i) {
          pool.Tune(1 + i % 4);
          Gosched();
        }
        cancel();
        if (round % 2 == 0) pool.Release();
      });
      wg.Wait();
    }
    EXPECT_EQ(accepted, ran);
    EXPECT_LE(most, 4);
  }
}

}  // namespace
}  // namespace weft
