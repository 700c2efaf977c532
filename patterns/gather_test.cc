#include "weft/patterns/gather.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/internal/test_util.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using chan_internal::PanicOf;
using testing::RunInFiber;

using GatherTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, GatherTest, testing::kWorkerCounts);

TEST_P(GatherTest, ResultsStandInTheOrderOfTheirPlaces) {
  RunInFiber([] {
    GatherBarrier<int> results(10);
    Group group;
    for (size_t i = 0; i < 10; ++i)
      group.Go([&, i] { results.Put(9 - i, static_cast<int>(9 - i) * 10); });
    auto all = results.Wait(Background());
    group.Wait();
    ASSERT_TRUE(all.ok());
    for (int i = 0; i < 10; ++i) EXPECT_EQ((*all)[i], i * 10);
    EXPECT_EQ(results.missing(), 0u);
  });
}

TEST_P(GatherTest, NothingToGatherIsThereAtOnce) {
  GatherBarrier<int> results(0);
  EXPECT_TRUE(results.Wait(Background())->empty());
}

TEST_P(GatherTest, AFailureEndsTheWait) {
  RunInFiber([] {
    GatherBarrier<int> results(2);
    results.Put(0, 1);
    Group group;
    group.Go([&] { EXPECT_EQ(results.Wait(Background()).status(), absl::NotFoundError("first")); });
    Gosched();
    results.Fail(absl::NotFoundError("first"));
    results.Fail(absl::AbortedError("second"));
    group.Wait();
  });
}

TEST_P(GatherTest, TheContextEndsTheWaitAndALaterOneMaySucceed) {
  GatherBarrier<std::unique_ptr<int>> results(1);
  auto [ctx, cancel] = WithCancel(Background());
  cancel();
  EXPECT_EQ(results.Wait(ctx).status().code(), absl::StatusCode::kCancelled);
  results.Put(0, std::make_unique<int>(3));
  EXPECT_EQ(*results.Wait(Background())->front(), 3);
  EXPECT_EQ(results.Wait(Background()).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(GatherTest, MisuseOfPlacesPanics) {
  GatherBarrier<int> results(1);
  results.Put(0, 1);
  EXPECT_EQ(PanicOf([&] { results.Put(0, 2); }), "GatherBarrier: second result for the same place");
  EXPECT_EQ(PanicOf([&] { results.Put(1, 2); }), "GatherBarrier: no such place");
}

TEST_P(GatherTest, GatherReturnsTheResultsInTheOrderOfTheTasks) {
  RunInFiber([] {
    std::vector<std::function<absl::StatusOr<int>(const Context&)>> tasks;
    for (int i = 0; i < 20; ++i) {
      tasks.push_back([i](const Context&) {
        for (int y = 0; y < 20 - i; ++y) Gosched();
        return i;
      });
    }
    auto all = Gather<int>(Background(), tasks);
    ASSERT_TRUE(all.ok());
    for (int i = 0; i < 20; ++i) EXPECT_EQ((*all)[i], i);
  });
}

TEST_P(GatherTest, TheFirstErrorEndsTheOtherTasks) {
  RunInFiber([] {
    auto all = Gather<int>(Background(), {[](const Context& ctx) -> absl::StatusOr<int> {
                                            ctx.Done().Recv();
                                            return ctx.Err();
                                          },
                                          [](const Context&) -> absl::StatusOr<int> {
                                            return absl::DataLossError("lost");
                                          }});
    EXPECT_EQ(all.status(), absl::DataLossError("lost"));
  });
}

TEST_P(GatherTest, GoexitInATaskIsAnError) {
  RunInFiber([] {
    auto all = Gather<int>(Background(), {[](const Context&) -> absl::StatusOr<int> { Goexit(); },
                                          [](const Context&) -> absl::StatusOr<int> { return 1; }});
    EXPECT_EQ(all.status().code(), absl::StatusCode::kAborted);
  });
}

TEST_P(GatherTest, WhatATaskThrowsIsThrown) {
  RunInFiber([] {
    EXPECT_EQ(PanicOf([] {
                (void)Gather<int>(Background(),
                                  {[](const Context&) -> absl::StatusOr<int> { Panic("task"); }});
              }),
              "task");
  });
}

}  // namespace
}  // namespace weft
