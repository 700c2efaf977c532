#include "weft/patterns/pipeline.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <numeric>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/patterns/pipeline_batch.h"
#include "weft/patterns/pipeline_map.h"
#include "weft/patterns/pipeline_map_reduce.h"
#include "weft/patterns/pipeline_ordered.h"
#include "weft/patterns/pipeline_route.h"
#include "weft/patterns/pipeline_sink.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

namespace p = pipeline;

using PipelineTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, PipelineTest, weft::testing::kWorkerCounts);

std::vector<int> Numbers(int n) {
  std::vector<int> numbers(n);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

template <typename T>
std::vector<T> Sorted(absl::StatusOr<std::vector<T>> values) {
  EXPECT_TRUE(values.ok()) << values.status();
  if (!values.ok()) return {};
  std::sort(values->begin(), values->end());
  return *std::move(values);
}

TEST_P(PipelineTest, MapTransformsEveryValue) {
  Pipeline pipe;
  auto doubled = p::Map(pipe, p::From(pipe, Numbers(100)), 4, [](int n) { return n * 2; });
  std::vector<int> got = Sorted(p::ToVector(pipe, doubled));
  ASSERT_EQ(got.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(got[i], i * 2);
  EXPECT_TRUE(pipe.Finish().ok());
}

TEST_P(PipelineTest, OrderedMapKeepsTheOrder) {
  for (int fibers : {1, 2, 5}) {
    Pipeline pipe;
    std::atomic<int> now{0}, most{0};
    auto texts = p::OrderedMap(pipe, p::From(pipe, Numbers(200)), fibers, [&](int n) {
      const int active = ++now;
      int seen = most;
      while (active > seen && !most.compare_exchange_weak(seen, active)) {
      }
      if (n % 3 == 0) Gosched();
      --now;
      return std::to_string(n);
    });
    auto got = p::ToVector(pipe, texts);
    ASSERT_TRUE(got.ok());
    for (int i = 0; i < 200; ++i) EXPECT_EQ((*got)[i], std::to_string(i));
    EXPECT_LE(most, fibers);
  }
}

TEST_P(PipelineTest, FilterKeepsWhatTheFunctionWants) {
  Pipeline pipe;
  auto even = p::Filter(pipe, p::From(pipe, Numbers(100)), 3, [](int n) { return n % 2 == 0; });
  EXPECT_EQ(Sorted(p::ToVector(pipe, even)).size(), 50u);
  Pipeline ordered;
  auto third =
      p::OrderedFilter(ordered, p::From(ordered, Numbers(9)), 3, [](int n) { return n % 3 == 0; });
  EXPECT_EQ(*p::ToVector(ordered, third), (std::vector<int>{0, 3, 6}));
}

std::optional<std::string> TextOfEven(int n) {
  return n % 2 == 0 ? std::optional<std::string>(std::to_string(n)) : std::nullopt;
}

TEST_P(PipelineTest, FilterMapKeepsAndTransforms) {
  Pipeline pipe;
  auto texts = p::FilterMap(pipe, p::From(pipe, Numbers(100)), 3, TextOfEven);
  EXPECT_EQ(Sorted(p::ToVector(pipe, texts)).size(), 50u);
  auto in_order = p::OrderedFilterMap(pipe, p::From(pipe, Numbers(6)), 3, TextOfEven);
  EXPECT_EQ(*p::ToVector(pipe, in_order), (std::vector<std::string>{"0", "2", "4"}));
  auto torn = p::FilterMap(
      pipe, p::From(pipe, Numbers(6)), 3,
      [](int) -> absl::StatusOr<std::optional<int>> { return absl::DataLossError("torn"); });
  EXPECT_EQ(p::Drain(pipe, torn), absl::DataLossError("torn"));
}

absl::StatusOr<int> OddIsMissing(int n) {
  if (n == 7) return absl::DataLossError("seven");
  if (n % 2 == 1) return absl::NotFoundError("odd");
  return n;
}

TEST_P(PipelineTest, WhatIsCaughtDropsTheValueAndOtherErrorsEndIt) {
  std::atomic<int> caught{0};
  const auto skip_missing = [&caught](const absl::Status& error) {
    if (!absl::IsNotFound(error)) return absl::InternalError("caught: " + error.ToString());
    ++caught;
    return absl::OkStatus();
  };
  Pipeline pipe;
  auto even =
      p::OrderedFilterMap(pipe, p::From(pipe, Numbers(6)), 3, p::Catch(OddIsMissing, skip_missing));
  EXPECT_EQ(*p::ToVector(pipe, even), (std::vector<int>{0, 2, 4}));
  EXPECT_EQ(caught, 3);
  auto up_to_seven =
      p::FilterMap(pipe, p::From(pipe, Numbers(100)), 2, p::Catch(OddIsMissing, skip_missing));
  EXPECT_EQ(p::Drain(pipe, up_to_seven), absl::InternalError("caught: DATA_LOSS: seven"));
}

TEST_P(PipelineTest, CatchServesFunctionsThatReturnNoValue) {
  std::atomic<int> seen{0};
  const auto odd_fails = [&seen](int n) {
    ++seen;
    return n % 2 == 1 ? absl::NotFoundError("odd") : absl::OkStatus();
  };
  Pipeline pipe;
  EXPECT_TRUE(p::ForEach(pipe, p::From(pipe, Numbers(10)), 3,
                         p::Catch(odd_fails, [](const absl::Status&) { return absl::OkStatus(); }))
                  .ok());
  EXPECT_EQ(seen, 10);
}

TEST_P(PipelineTest, MapReduceSumsUpByKey) {
  const auto by_last_digit = [](int n) { return std::pair(n % 10, int64_t{n}); };
  std::unordered_map<int, int64_t> expected;
  for (int n : Numbers(1000)) expected[n % 10] += n;
  for (int fibers : {1, 2, 5}) {
    Pipeline pipe;
    auto sums = p::MapReduce(pipe, p::From(pipe, Numbers(1000)), fibers, by_last_digit,
                             std::plus<int64_t>());
    ASSERT_TRUE(sums.ok()) << sums.status();
    EXPECT_EQ(*sums, expected);
    EXPECT_TRUE(p::MapReduce(pipe, p::From(pipe, std::vector<int>()), fibers, by_last_digit,
                             std::plus<int64_t>())
                    ->empty());
  }
}

TEST_P(PipelineTest, AnErrorOfMapReduceEndsIt) {
  const auto one_key = [](int n) { return std::pair(0, n); };
  const auto sum_to_ten = [](int a, int b) -> absl::StatusOr<int> {
    if (a + b > 10) return absl::OutOfRangeError("ten");
    return a + b;
  };
  Pipeline reducing;
  auto endless = p::Generate<int>(reducing, [](const p::Emit<int>& emit) {
    while (emit(1)) {
    }
  });
  EXPECT_EQ(p::MapReduce(reducing, endless, 3, one_key, sum_to_ten).status(),
            absl::OutOfRangeError("ten"));
  Pipeline mapping;
  const auto torn = [](int) -> absl::StatusOr<std::pair<int, int>> {
    return absl::DataLossError("torn");
  };
  EXPECT_EQ(p::MapReduce(mapping, p::From(mapping, Numbers(9)), 3, torn, std::plus<int>()).status(),
            absl::DataLossError("torn"));
}

TEST_P(PipelineTest, FlatMapEmitsAnyNumber) {
  const auto repeat = [](int n, const auto& emit) {
    for (int i = 0; i < n; ++i) emit(n);
  };
  Pipeline pipe;
  auto all = p::FlatMap<int>(pipe, p::From(pipe, Numbers(5)), 3, repeat);
  EXPECT_EQ(Sorted(p::ToVector(pipe, all)), (std::vector<int>{1, 2, 2, 3, 3, 3, 4, 4, 4, 4}));
  Pipeline ordered;
  auto same = p::OrderedFlatMap<int>(ordered, p::From(ordered, Numbers(4)), 3, repeat);
  EXPECT_EQ(*p::ToVector(ordered, same), (std::vector<int>{1, 2, 2, 3, 3, 3}));
}

TEST_P(PipelineTest, GenerateStopsWhenNobodyWantsMore) {
  Pipeline pipe;
  auto naturals = p::Generate<int>(pipe, [](const p::Emit<int>& emit) {
    for (int i = 0; emit(i); ++i) {
    }
  });
  EXPECT_EQ(**p::First(pipe, naturals), 0);
}

TEST_P(PipelineTest, AnErrorEndsThePipelineAndTheSinkReturnsIt) {
  std::atomic<int> calls{0};
  Pipeline pipe;
  auto numbers = p::Map(pipe, p::From(pipe, Numbers(10000)), 3, [&](int n) -> absl::StatusOr<int> {
    if (++calls == 20) return absl::NotFoundError("twenty");
    return n;
  });
  EXPECT_EQ(p::ToVector(pipe, numbers).status(), absl::NotFoundError("twenty"));
  EXPECT_EQ(pipe.Finish(), absl::NotFoundError("twenty"));
  EXPECT_LT(calls, 10000);
}

TEST_P(PipelineTest, AnErrorOfAnOrderedStageOrASourceEndsIt) {
  Pipeline pipe;
  auto numbers =
      p::OrderedMap(pipe, p::From(pipe, Numbers(1000)), 3, [&](int n) -> absl::StatusOr<int> {
        if (n == 20) return absl::NotFoundError("twenty");
        return n;
      });
  EXPECT_EQ(p::ToVector(pipe, numbers).status(), absl::NotFoundError("twenty"));
  Pipeline other;
  auto source = p::Generate<int>(other, [](const p::Emit<int>& emit) {
    emit(1);
    return absl::DataLossError("torn");
  });
  EXPECT_EQ(p::Drain(other, source), absl::DataLossError("torn"));
}

TEST_P(PipelineTest, APanicEndsThePipelineAndTheSinkThrowsIt) {
  for (bool ordered : {false, true}) {
    Pipeline pipe;
    const auto broken = [](int n) {
      if (n == 20) Panic("stage broke");
      return n;
    };
    auto in = p::From(pipe, Numbers(1000));
    auto numbers = ordered ? p::OrderedMap(pipe, in, 3, broken) : p::Map(pipe, in, 3, broken);
    std::optional<Recovered> panic = Recover([&] { (void)p::ToVector(pipe, numbers); });
    ASSERT_TRUE(panic.has_value());
    EXPECT_EQ(panic->message(), "stage broke");
  }
}

TEST_P(PipelineTest, TheParentsEndEndsIt) {
  auto [ctx, cancel] = WithCancel(Background());
  Pipeline pipe(ctx);
  auto forever = p::Generate<int>(pipe, [](const p::Emit<int>& emit) {
    while (emit(1)) {
    }
  });
  std::atomic<int> seen{0};
  absl::Status status = p::ForEach(pipe, forever, 2, [&, cancel = cancel](int) {
    if (++seen == 10) cancel();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
}

// No fiber is left: the fixture looks.
TEST_P(PipelineTest, LeavingEarlyStopsEveryStage) {
  Pipeline pipe;
  auto forever = p::Generate<int>(pipe, [](const p::Emit<int>& emit) {
    for (int i = 0; emit(i); ++i) {
    }
  });
  auto mapped = p::OrderedMap(pipe, p::Map(pipe, forever, 3, [](int n) { return n; }), 3,
                              [](int n) { return n; });
  auto [a, b] = p::Tee(pipe, mapped);
  // Nobody receives from `b`: its room for one value is what gets this far.
  auto groups = p::Batch(pipe, a, 1);
  EXPECT_EQ((*p::First(pipe, groups))->size(), 1u);
}

TEST_P(PipelineTest, BatchGroupsBySizeAndFlushesTheRest) {
  Pipeline pipe;
  auto groups = p::ToVector(pipe, p::Batch(pipe, p::From(pipe, Numbers(10)), 4));
  ASSERT_TRUE(groups.ok());
  EXPECT_EQ(*groups, (std::vector<std::vector<int>>{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}}));
  EXPECT_THROW((void)p::Batch(pipe, p::From(pipe, Numbers(1)), 0), PanicError);
}

TEST_P(PipelineTest, BatchFlushesWhenItsTimeIsOver) {
  Pipeline pipe;
  auto source = MakeChan<int>();
  auto groups = p::Batch<int>(pipe, source, 100, absl::Milliseconds(1));
  source.Send(1);
  EXPECT_EQ(*groups.Recv(), std::vector<int>{1});
  source.Send(2);
  EXPECT_EQ(*groups.Recv(), std::vector<int>{2});
  source.Close();
  EXPECT_FALSE(groups.Recv().has_value()) << "never an empty group";
}

TEST_P(PipelineTest, UnbatchUndoesBatch) {
  Pipeline pipe;
  auto same = p::Unbatch(pipe, p::Batch(pipe, p::From(pipe, Numbers(10)), 3));
  EXPECT_EQ(*p::ToVector(pipe, same), Numbers(10));
}

TEST_P(PipelineTest, MergeLosesNothing) {
  Pipeline pipe;
  auto merged = p::Merge<int>(pipe, {p::From(pipe, Numbers(50)), p::From(pipe, Numbers(20)),
                                     p::From(pipe, std::vector<int>())});
  EXPECT_EQ(Sorted(p::ToVector(pipe, merged)).size(), 70u);
  EXPECT_TRUE(p::ToVector(pipe, p::Merge<int>(pipe, {}))->empty());
}

TEST_P(PipelineTest, SplitParts) {
  Pipeline pipe;
  auto [even, odd] =
      p::Split(pipe, p::From(pipe, Numbers(100)), 3, [](int n) { return n % 2 == 0; });
  std::vector<int> evens, odds;
  WaitGroup wg;
  wg.Go([&, even = even] { evens = Sorted(p::ToVector(pipe, even)); });
  odds = Sorted(p::ToVector(pipe, odd));
  wg.Wait();
  EXPECT_EQ(evens.size(), 50u);
  EXPECT_EQ(odds.size(), 50u);
  EXPECT_EQ(odds[0], 1);
}

TEST_P(PipelineTest, TeeGivesEachValueTwice) {
  Pipeline pipe;
  auto [a, b] = p::Tee(pipe, p::From(pipe, Numbers(100)));
  std::vector<int> first;
  WaitGroup wg;
  wg.Go([&, a = a] { first = *p::ToVector(pipe, a); });
  std::vector<int> second = *p::ToVector(pipe, b);
  wg.Wait();
  EXPECT_EQ(first, Numbers(100));
  EXPECT_EQ(second, Numbers(100));
}

TEST_P(PipelineTest, Sinks) {
  Pipeline pipe;
  EXPECT_EQ(*p::Reduce(pipe, p::From(pipe, Numbers(11)), 0, std::plus<int>()), 55);
  EXPECT_FALSE(p::First(pipe, p::From(pipe, std::vector<int>()))->has_value());
  const auto is_five = [](int n) { return n == 5; };
  const auto is_small = [](int n) { return n < 100; };
  EXPECT_TRUE(*p::Any(pipe, p::From(pipe, Numbers(10)), 2, is_five));
  EXPECT_FALSE(*p::Any(pipe, p::From(pipe, Numbers(5)), 2, is_five));
  EXPECT_TRUE(*p::All(pipe, p::From(pipe, Numbers(100)), 2, is_small));
  EXPECT_FALSE(*p::All(pipe, p::From(pipe, Numbers(101)), 2, is_small));
  std::atomic<int> sum{0};
  EXPECT_TRUE(p::ForEach(pipe, p::From(pipe, Numbers(11)), 3, [&](int n) { sum += n; }).ok());
  EXPECT_EQ(sum, 55);
  EXPECT_EQ(p::ForEach(pipe, p::From(pipe, Numbers(11)), 3,
                       [&](int n) { return n == 3 ? absl::AbortedError("3") : absl::OkStatus(); }),
            absl::AbortedError("3"));
}

TEST_P(PipelineTest, StressOrderAndCompletenessThroughManyStages) {
  for (int round = 0; round < weft::testing::Repeat(10); ++round) {
    Pipeline pipe;
    auto in = p::From(pipe, Numbers(300));
    auto mapped = p::OrderedMap(pipe, in, 1 + round % 5, [](int n) { return n + 1; });
    auto groups = p::Batch(pipe, mapped, 1 + round % 7);
    auto flat = p::Unbatch(pipe, groups);
    auto back = p::OrderedMap(pipe, flat, 3, [](int n) { return n - 1; });
    ASSERT_EQ(*p::ToVector(pipe, back), Numbers(300));
  }
}

}  // namespace
}  // namespace weft
