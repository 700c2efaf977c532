#include "weft/patterns/parallel.h"

#include <atomic>
#include <deque>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using ParallelTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, ParallelTest, weft::testing::kWorkerCounts);

TEST_P(ParallelTest, ForEachVisitsEveryElementOnce) {
  std::vector<int> values(1000, 1);
  EXPECT_TRUE(parallel::ForEach(Background(), values, [](int& v) { ++v; }).ok());
  EXPECT_EQ(values, std::vector<int>(1000, 2));
}

TEST_P(ParallelTest, ForEachIndexKnowsThePosition) {
  std::deque<int64_t> values(100);
  EXPECT_TRUE(
      parallel::ForEachIndex(Background(), values, [](int64_t i, int64_t& v) { v = i; }).ok());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(values[i], i);
}

TEST_P(ParallelTest, EmptyRanges) {
  std::vector<int> none;
  EXPECT_TRUE(parallel::ForEach(Background(), none, [](int) { FAIL(); }).ok());
  EXPECT_TRUE(parallel::Map(Background(), none, [](int v) { return v; })->empty());
}

TEST_P(ParallelTest, MapKeepsTheOrder) {
  std::vector<int> values;
  for (int i = 0; i < 500; ++i) values.push_back(i);
  auto texts = parallel::Map(Background(), values, [](int v) {
    if (v % 5 == 0) Gosched();
    return std::to_string(v);
  });
  ASSERT_TRUE(texts.ok());
  for (int i = 0; i < 500; ++i) EXPECT_EQ((*texts)[i], std::to_string(i));
}

TEST_P(ParallelTest, NeverMoreThanMaxFibers) {
  std::vector<int> values(200);
  std::atomic<int> now{0}, most{0};
  const auto visit = [&](int) {
    const int active = ++now;
    int seen = most;
    while (active > seen && !most.compare_exchange_weak(seen, active)) {
    }
    Gosched();
    --now;
  };
  EXPECT_TRUE(parallel::ForEach(Background(), values, visit, {.max_fibers = 3}).ok());
  EXPECT_LE(most, 3);
}

TEST_P(ParallelTest, TheFirstErrorLeavesTheRestOut) {
  std::vector<int> values(10000);
  std::atomic<int> calls{0};
  absl::Status status = parallel::ForEach(Background(), values, [&](int) {
    return ++calls == 5 ? absl::NotFoundError("five") : absl::OkStatus();
  });
  EXPECT_EQ(status, absl::NotFoundError("five"));
  EXPECT_LT(calls, 10000);
  auto mapped = parallel::Map(
      Background(), values, [](int) -> absl::StatusOr<int> { return absl::InternalError("all"); });
  EXPECT_EQ(mapped.status(), absl::InternalError("all"));
}

TEST_P(ParallelTest, TheContextLeavesTheRestOut) {
  std::vector<int> values(10000);
  auto [ctx, cancel] = WithCancel(Background());
  std::atomic<int> calls{0};
  absl::Status status = parallel::ForEach(ctx, values, [&, cancel = cancel](int) {
    if (++calls == 5) cancel();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_LT(calls, 10000);
}

TEST_P(ParallelTest, APanicIsThrownToTheCaller) {
  std::vector<int> values(10000);
  std::atomic<int> calls{0};
  EXPECT_THROW((void)parallel::ForEach(Background(), values,
                                       [&](int) {
                                         if (++calls == 5) Panic("call broke");
                                       }),
               PanicError);
  EXPECT_LT(calls, 10000);
}

TEST_P(ParallelTest, GoexitIsAnErrorOfTheWhole) {
  std::vector<int> values(10);
  EXPECT_EQ(parallel::ForEach(Background(), values, [](int) { Goexit(); }).code(),
            absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace weft
