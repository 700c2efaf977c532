#include "weft/patterns/task_pool.h"

#include <atomic>
#include <string>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using TaskPoolTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, TaskPoolTest, weft::testing::kWorkerCounts);

TEST_P(TaskPoolTest, NeverMoreThanMaxFibers) {
  std::atomic<int> now{0}, most{0}, ran{0};
  TaskPool<void> pool({.max_fibers = 3});
  for (int i = 0; i < 200; ++i) {
    pool.Go([&] {
      const int active = ++now;
      int seen = most;
      while (active > seen && !most.compare_exchange_weak(seen, active)) {
      }
      Gosched();
      --now;
      ++ran;
    });
  }
  pool.Wait();
  EXPECT_EQ(ran, 200);
  EXPECT_LE(most, 3);
}

TEST_P(TaskPoolTest, ResultsAreInTheOrderOfSubmission) {
  TaskPool<int> pool({.max_fibers = 4});
  for (int i = 0; i < 100; ++i) {
    pool.Go([i] {
      if (i % 3 == 0) Gosched();
      return i;
    });
  }
  std::vector<int> results = pool.Wait();
  ASSERT_EQ(results.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(results[i], i);
}

TEST_P(TaskPoolTest, ErrorsAreJoined) {
  TaskPool<absl::Status> pool({.max_fibers = 1});
  pool.Go([] { return absl::NotFoundError("one"); });
  pool.Go([] { return absl::OkStatus(); });
  pool.Go([] { return absl::InternalError("two"); });
  EXPECT_EQ(pool.Wait(), absl::NotFoundError("one\ntwo"));
}

TEST_P(TaskPoolTest, FirstErrorIsTheFirstAlone) {
  TaskPool<absl::Status> pool({.max_fibers = 1, .first_error = true});
  pool.Go([] { return absl::NotFoundError("one"); });
  pool.Go([] { return absl::InternalError("two"); });
  EXPECT_EQ(pool.Wait(), absl::NotFoundError("one"));
}

TEST_P(TaskPoolTest, CancelOnErrorEndsTheContextOfTheOthers) {
  TaskPool<absl::Status> pool({.cancel_on_error = true, .first_error = true});
  pool.Go([](const Context& ctx) {
    ctx.Done().Recv();
    return ctx.Err();
  });
  auto held = MakeChan<Empty>();
  pool.Go([&]() -> absl::Status {
    held.Close();
    return absl::NotFoundError("one");
  });
  EXPECT_EQ(pool.Wait(), absl::NotFoundError("one"));
}

TEST_P(TaskPoolTest, WithoutCancelOnErrorTheContextLives) {
  TaskPool<absl::Status> pool({.max_fibers = 1});
  pool.Go([] { return absl::NotFoundError("one"); });
  bool alive = false;
  pool.Go([&](const Context& ctx) {
    alive = ctx.Err().ok();
    return absl::OkStatus();
  });
  EXPECT_FALSE(pool.Wait().ok());
  EXPECT_TRUE(alive);
  EXPECT_FALSE(pool.context().Err().ok()) << "after Wait() it has ended";
}

TEST_P(TaskPoolTest, TheParentsEndReachesTheTasks) {
  auto [ctx, cancel] = WithCancel(Background());
  TaskPool<absl::Status> pool({}, ctx);
  pool.Go([](const Context& ctx) {
    ctx.Done().Recv();
    return ctx.Err();
  });
  cancel();
  EXPECT_EQ(pool.Wait().code(), absl::StatusCode::kCancelled);
}

TEST_P(TaskPoolTest, ResultsOfTasksThatFailedAreLeftOutUnlessAskedFor) {
  for (bool collect : {false, true}) {
    TaskPool<absl::StatusOr<int>> pool({.max_fibers = 1, .collect_failed = collect});
    for (int i = 1; i <= 4; ++i) {
      pool.Go([i]() -> absl::StatusOr<int> {
        if (i == 2) return absl::NotFoundError("two");
        return i;
      });
    }
    auto [results, status] = pool.Wait();
    EXPECT_EQ(results, collect ? std::vector<int>({1, 0, 3, 4}) : std::vector<int>({1, 3, 4}));
    EXPECT_EQ(status, absl::NotFoundError("two"));
  }
}

TEST_P(TaskPoolTest, APanicIsThrownByWaitAndCancels) {
  TaskPool<absl::Status> pool({.cancel_on_error = true});
  pool.Go([](const Context& ctx) {
    ctx.Done().Recv();
    return absl::OkStatus();
  });
  pool.Go([]() -> absl::Status { Panic("task broke"); });
  std::optional<Recovered> panic = Recover([&] { (void)pool.Wait(); });
  ASSERT_TRUE(panic.has_value());
  EXPECT_EQ(panic->message(), "task broke");
  EXPECT_NE(panic->Stack(), "");
}

TEST_P(TaskPoolTest, APanicGivesItsPlaceBack) {
  TaskPool<void> pool({.max_fibers = 1});
  std::atomic<int> ran{0};
  for (int i = 0; i < 10; ++i) {
    pool.Go([&] {
      ++ran;
      Panic("each");
    });
  }
  EXPECT_THROW(pool.Wait(), PanicError);
  EXPECT_EQ(ran, 10);
}

TEST_P(TaskPoolTest, NegativeMaxPanics) {
  EXPECT_THROW(TaskPool<void>({.max_fibers = -1}), PanicError);
}

}  // namespace
}  // namespace weft
