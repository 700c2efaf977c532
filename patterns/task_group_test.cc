#include "weft/patterns/task_group.h"

#include <atomic>
#include <stdexcept>

#include "gtest/gtest.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using TaskGroupTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, TaskGroupTest, weft::testing::kWorkerCounts);

TEST_P(TaskGroupTest, WaitsForAll) {
  std::atomic<int> ran{0};
  {
    TaskGroup tasks;
    for (int i = 0; i < 100; ++i) tasks.Go([&] { ++ran; });
  }
  EXPECT_EQ(ran, 100);
}

TEST_P(TaskGroupTest, WaitRethrowsWithTheStackOfTheTask) {
  TaskGroup tasks;
  tasks.Go([] { Panic("task broke"); });
  tasks.Go([] {});
  std::optional<Recovered> panic = Recover([&] { tasks.Wait(); });
  ASSERT_TRUE(panic.has_value());
  EXPECT_EQ(panic->message(), "task broke");
  EXPECT_NE(panic->Stack(), "");
}

TEST_P(TaskGroupTest, TheOthersRunOnAfterAPanic) {
  std::atomic<int> ran{0};
  TaskGroup tasks;
  for (int i = 0; i < 50; ++i) {
    tasks.Go([&ran, i] {
      if (i % 10 == 0) throw std::runtime_error("one of many");
      ++ran;
    });
  }
  EXPECT_EQ(tasks.WaitAndRecover()->message(), "one of many");
  EXPECT_EQ(ran, 45);
}

TEST_P(TaskGroupTest, WaitAndRecoverReturnsNothingIfAllWentWell) {
  TaskGroup tasks;
  tasks.Go([] {});
  EXPECT_FALSE(tasks.WaitAndRecover().has_value());
}

TEST_P(TaskGroupTest, GoexitIsNoPanic) {
  TaskGroup tasks;
  tasks.Go([] { Goexit(); });
  EXPECT_FALSE(tasks.WaitAndRecover().has_value());
}

TEST_P(TaskGroupTest, AnExceptionThatLeavesTheScopeWins) {
  EXPECT_THROW(
      {
        TaskGroup tasks;
        tasks.Go([] { Panic("task broke"); });
        throw std::runtime_error("scope broke");
      },
      std::runtime_error);
}

using TaskGroupDeathTest = weft::testing::FiberTest;

TEST_F(TaskGroupDeathTest, APanicThatNobodyAsksForEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(weft::testing::RunInFiber([] {
                TaskGroup tasks;
                tasks.Go([] { Panic("task broke"); });
              }),
              ::testing::ExitedWithCode(2), "panic: task broke");
}

}  // namespace
}  // namespace weft
