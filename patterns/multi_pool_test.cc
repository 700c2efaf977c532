#include "weft/patterns/multi_pool.h"

#include <atomic>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/patterns/func_pool.h"
#include "weft/patterns/worker_pool.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using MultiPoolTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, MultiPoolTest, weft::testing::kWorkerCounts);

TEST_P(MultiPoolTest, RoundRobinGoesInTurn) {
  auto gate = MakeChan<Empty>();
  MultiPool<WorkerPool> pool(3, Balance::kRoundRobin, 10);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(pool.Submit([&] { gate.Recv(); }).ok());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*pool.RunningByIndex(i), 2);
  EXPECT_EQ(pool.Running(), 6);
  EXPECT_EQ(pool.Free(), 24);
  EXPECT_EQ(pool.Cap(), 30);
  gate.Close();
}

TEST_P(MultiPoolTest, RoundRobinTriesTheLeastLoadedWhenOneIsFull) {
  auto gate = MakeChan<Empty>();
  MultiPool<WorkerPool> pool(2, Balance::kRoundRobin, 2, PoolOptions{.nonblocking = true});
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(pool.Submit([&] { gate.Recv(); }).ok());
  pool.Tune(3);
  ASSERT_TRUE(pool.Submit([&] { gate.Recv(); }).ok());  // the first's turn
  EXPECT_EQ(*pool.FreeByIndex(0), 0);
  ASSERT_TRUE(pool.Submit([&] { gate.Recv(); }).ok());  // the second's
  EXPECT_EQ(pool.Submit([] {}).code(), absl::StatusCode::kResourceExhausted);
  gate.Close();
}

TEST_P(MultiPoolTest, LeastTasksLevels) {
  auto gate = MakeChan<Empty>();
  MultiPool<FuncPool<int>> pool(3, Balance::kLeastTasks, 10, [&](int) { gate.Recv(); });
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(pool.Invoke(i).ok());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*pool.RunningByIndex(i), 3);
  gate.Close();
}

TEST_P(MultiPoolTest, IndicesAreChecked) {
  MultiPool<WorkerPool> pool(2, Balance::kRoundRobin, 1);
  EXPECT_EQ(pool.RunningByIndex(2).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(pool.FreeByIndex(-1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*pool.WaitingByIndex(1), 0);
  EXPECT_THROW(MultiPool<WorkerPool>(0, Balance::kRoundRobin, 1), PanicError);
}

TEST_P(MultiPoolTest, ReleaseAndReboot) {
  std::atomic<int> ran{0};
  MultiPool<WorkerPool> pool(4, Balance::kRoundRobin, 5);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.Submit([&] { ++ran; }).ok());
  ASSERT_TRUE(pool.ReleaseTimeout(absl::InfiniteDuration()).ok());
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(pool.Running(), 0);
  EXPECT_EQ(pool.Submit([] {}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(pool.ReleaseTimeout(absl::ZeroDuration()).code(),
            absl::StatusCode::kFailedPrecondition);
  pool.Reboot();
  EXPECT_TRUE(pool.Submit([] {}).ok());
}

}  // namespace
}  // namespace weft
