#include "weft/patterns/flow_merge.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/context/context.h"
#include "weft/patterns/broker.h"
#include "weft/patterns/flow.h"
#include "weft/patterns/flow_more.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft::flow {
namespace {

using chan_internal::Group;
using chan_internal::PanicOf;
using weft::testing::RunInFiber;

using FlowMergeTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, FlowMergeTest, weft::testing::kWorkerCounts);

using Ints = std::vector<int64_t>;
const absl::Status kFailure = absl::DataLossError("failure");

Ints Values(const Flow<int64_t>& f) {
  auto all = f.ToVector(Background());
  EXPECT_TRUE(all.ok()) << all.status();
  return all.ok() ? *all : Ints();
}

Flow<int64_t> Never() {
  return Create<int64_t>([](const Context& ctx, const auto&) {
    ctx.Done().Recv();
    return ctx.Err();
  });
}

TEST_P(FlowMergeTest, FlatMapGivesAllValuesAndKeepsTheOrderOfEachFlow) {
  RunInFiber([] {
    Ints all =
        Values(Range(0, 10) | FlatMap(4, [](int64_t n) { return Range(n * 100, n * 100 + 20); }));
    EXPECT_EQ(all.size(), 200u);
    std::stable_sort(all.begin(), all.end(),
                     [](int64_t a, int64_t b) { return a / 100 < b / 100; });
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  });
}

TEST_P(FlowMergeTest, FlatMapRunsNoMoreThanItMay) {
  RunInFiber([] {
    std::atomic<int> inside{0}, most{0};
    Values(Range(0, 30) | FlatMap(3, [&](int64_t n) {
             return Create<int64_t>([&, n](const Context&, const auto& emit) {
               const int now = ++inside;
               int seen = most;
               while (now > seen && !most.compare_exchange_weak(seen, now)) {
               }
               Gosched();
               emit(n);
               --inside;
               return absl::OkStatus();
             });
           }));
    EXPECT_LE(most, 3);
    EXPECT_GE(most, 1);
  });
}

TEST_P(FlowMergeTest, AFailureOfOneEndsAll) {
  RunInFiber([] {
    EXPECT_EQ(
        Merge<int64_t>({Never(), Fail<int64_t>(kFailure), Never()}).ToVector(Background()).status(),
        kFailure);
    EXPECT_EQ((Concat<int64_t>({Range(0, 1), Fail<int64_t>(kFailure)}) |
               FlatMap(2, [](int64_t) { return Never(); }))
                  .ToVector(Background())
                  .status(),
              kFailure)
        << "of the outer flow, too";
  });
}

TEST_P(FlowMergeTest, EnoughIsEnough) {
  RunInFiber([] {
    EXPECT_EQ(Values(Merge<int64_t>({Never(), Range(5, 6), Never()}) | Take(1)), Ints{5});
    EXPECT_EQ(Values(Range(0, 1 << 30) | FlatMap(2, [](int64_t) { return Range(0, 1 << 30); }) |
                     Take(100))
                  .size(),
              100u);
  });
}

TEST_P(FlowMergeTest, TheContextEndsEverything) {
  RunInFiber([] {
    auto [ctx, cancel] = WithCancel(Background());
    Group group;
    group.Go([&, ctx = ctx] {
      EXPECT_EQ(Merge<int64_t>({Never(), Never()}).ToVector(ctx).status().code(),
                absl::StatusCode::kCancelled);
      EXPECT_EQ((Never() | Buffer(3)).ToVector(ctx).status().code(), absl::StatusCode::kCancelled);
    });
    Gosched();
    cancel();
    group.Wait();
  });
}

TEST_P(FlowMergeTest, WhatAFiberThrowsComesOut) {
  RunInFiber([] {
    const auto bad =
        Create<int64_t>([](const Context&, const auto&) -> absl::Status { Panic("inner"); });
    EXPECT_EQ(PanicOf([&] {
                (void)Merge<int64_t>({Never(), bad}).ToVector(Background());
              }),
              "inner");
    EXPECT_EQ(PanicOf([&] { (void)(bad | Buffer(1)).ToVector(Background()); }), "inner");
    EXPECT_EQ(
        PanicOf([&] { (void)Zip(Never(), bad, std::plus<int64_t>()).ToVector(Background()); }),
        "inner");
    EXPECT_EQ(PanicOf([&] {
                (void)Merge<int64_t>({Never(), Range(0, 3)}).Collect(Background(), [](int64_t) {
                  Panic("collector");
                });
              }),
              "collector");
  });
}

TEST_P(FlowMergeTest, ZipPairsAndEndsWithTheShorter) {
  RunInFiber([] {
    const auto pair = [](int64_t a, int64_t b) { return a * 100 + b; };
    EXPECT_EQ(Values(Zip(Range(1, 4), Range(5, 100), pair)), (Ints{105, 206, 307}));
    EXPECT_EQ(Values(Zip(Range(1, 100), Range(5, 7), pair)), (Ints{105, 206}));
    EXPECT_EQ(Values(Zip(Range(1, 100), Range(5, 100), pair) | Take(1)), Ints{105});
    EXPECT_EQ(Zip(Range(1, 3), Fail<int64_t>(kFailure), pair).ToVector(Background()).status(),
              kFailure);
    EXPECT_EQ(Zip(Fail<int64_t>(kFailure), Range(1, 3), pair).ToVector(Background()).status(),
              kFailure);
  });
}

TEST_P(FlowMergeTest, ABufferLetsTheSourceRunAhead) {
  RunInFiber([] {
    auto ahead = MakeChan<Empty>();
    const auto source = Range(0, 5) | OnEach([&](int64_t n) {
                          if (n == 4) ahead.Close();
                        });
    // The first value is not done with before the source is at its last.
    Ints seen;
    EXPECT_TRUE((source | Buffer(4))
                    .Collect(Background(),
                             [&](int64_t n) {
                               ahead.Recv();
                               seen.push_back(n);
                             })
                    .ok());
    EXPECT_EQ(seen, (Ints{0, 1, 2, 3, 4}));
  });
}

TEST_P(FlowMergeTest, ABufferMayDropInsteadOfWaiting) {
  RunInFiber([] {
    for (WhenFull when : {WhenFull::kDropOldest, WhenFull::kDropNewest}) {
      auto begun = MakeChan<Empty>(), ended = MakeChan<Empty>();
      const auto source = Create<int64_t>([&](const Context&, const auto& emit) {
        emit(0);
        begun.Recv();  // 0 is in the collector's hands
        for (int n = 1; n <= 10; ++n) emit(n);
        ended.Close();
        return absl::OkStatus();
      });
      Ints seen;
      EXPECT_TRUE((source | Buffer(3, when))
                      .Collect(Background(),
                               [&](int64_t n) {
                                 if (n == 0) {
                                   begun.Close();
                                   ended.Recv();
                                 }
                                 seen.push_back(n);
                               })
                      .ok());
      EXPECT_EQ(seen, when == WhenFull::kDropOldest ? (Ints{0, 8, 9, 10}) : (Ints{0, 1, 2, 3}));
    }
  });
}

TEST_P(FlowMergeTest, ASharedFlowRunsOnceForAll) {
  RunInFiber([] {
    int runs = 0;
    Shared<int64_t> shared(Create<int64_t>([&](const Context& ctx, const auto& emit) {
      ++runs;
      return Range(0, 20).RunWith(ctx, emit);
    }));
    std::vector<Ints> seen(3);
    Group group;
    for (int i = 0; i < 3; ++i) group.Go([&, i] { seen[i] = Values(shared.flow()); });
    while (shared.collectors() < 3) Gosched();
    EXPECT_TRUE(shared.Run(Background()).ok());
    group.Wait();
    EXPECT_EQ(runs, 1);
    for (const Ints& s : seen) EXPECT_EQ(s, Values(Range(0, 20)));
  });
}

TEST_P(FlowMergeTest, ACollectorMayLeaveASharedFlow) {
  RunInFiber([] {
    Shared<int64_t> shared(Range(0, 50));
    Group group;
    group.Go([&] { EXPECT_EQ(Values(shared.flow({.buffer = 0}) | Take(2)), (Ints{0, 1})); });
    while (shared.collectors() < 1) Gosched();
    EXPECT_TRUE(shared.Run(Background()).ok()) << "nobody is waited for any more";
    group.Wait();
    EXPECT_EQ(shared.collectors(), 0);
  });
}

}  // namespace
}  // namespace weft::flow
