#include "weft/patterns/func_pool.h"

#include <atomic>
#include <memory>

#include "gtest/gtest.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using FuncPoolTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, FuncPoolTest, weft::testing::kWorkerCounts);

TEST_P(FuncPoolTest, EveryArgumentIsPassedOnce) {
  std::atomic<int64_t> sum{0};
  {
    FuncPool<int> pool(8, [&](int i) { sum += i; });
    for (int i = 1; i <= 1000; ++i) ASSERT_TRUE(pool.Invoke(i).ok());
  }
  EXPECT_EQ(sum, 500500);
}

TEST_P(FuncPoolTest, ArgumentsMayBeMoveOnly) {
  std::atomic<int> got{0};
  {
    FuncPool<std::unique_ptr<int>> pool(1, [&](std::unique_ptr<int> p) { got = *p; });
    ASSERT_TRUE(pool.Invoke(std::make_unique<int>(7)).ok());
  }
  EXPECT_EQ(got, 7);
}

TEST_P(FuncPoolTest, HasTheControlsOfAPool) {
  FuncPool<int> pool(2, [](int) {}, {.nonblocking = true});
  EXPECT_EQ(pool.Cap(), 2);
  pool.Tune(5);
  EXPECT_EQ(pool.Free(), 5);
  ASSERT_TRUE(pool.ReleaseTimeout(absl::InfiniteDuration()).ok());
  EXPECT_EQ(pool.Invoke(1).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace weft
