#include "weft/patterns/flow.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/context/context.h"
#include "weft/patterns/flow_more.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft::flow {
namespace {

using chan_internal::PanicOf;
using chan_internal::TestSeed;
using weft::testing::Repeat;
using weft::testing::RunInFiber;

using FlowTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, FlowTest, weft::testing::kWorkerCounts);

using Ints = std::vector<int64_t>;
const absl::Status kFailure = absl::DataLossError("failure");

Ints Values(const Flow<int64_t>& f) {
  auto all = f.ToVector(Background());
  EXPECT_TRUE(all.ok()) << all.status();
  return all.ok() ? *all : Ints();
}

// The values, and then the failure.
Flow<int64_t> ThenFail(Ints values) {
  return Concat<int64_t>({Of(std::move(values)), Fail<int64_t>(kFailure)});
}

TEST_P(FlowTest, Sources) {
  EXPECT_EQ(Values(Of<int64_t>({3, 1, 2})), (Ints{3, 1, 2}));
  EXPECT_EQ(Values(Range(2, 5)), (Ints{2, 3, 4}));
  EXPECT_EQ(Values(Range(5, 2)), Ints());
  EXPECT_EQ(Fail<int>(kFailure).ToVector(Background()).status(), kFailure);
  EXPECT_EQ(Values(Create<int64_t>([](const Context&, const auto& emit) {
              (void)(emit(1) && emit(2));
              return absl::OkStatus();
            })),
            (Ints{1, 2}));
}

TEST_P(FlowTest, AChannelIsASourceThatIsUsedUp) {
  auto c = MakeChan<int64_t>(8);
  for (int i = 0; i < 5; ++i) c.Send(i);
  c.Close();
  EXPECT_EQ(Values(FromChan(c) | Take(2)), (Ints{0, 1}));
  EXPECT_EQ(Values(FromChan(c)), (Ints{2, 3, 4}));
}

TEST_P(FlowTest, OperatorsOneByOne) {
  const auto even = [](int64_t n) { return n % 2 == 0; };
  EXPECT_EQ(Values(Range(0, 4) | Map([](int64_t n) { return n * n; })), (Ints{0, 1, 4, 9}));
  EXPECT_EQ(Values(Range(0, 6) | Filter(even)), (Ints{0, 2, 4}));
  EXPECT_EQ(Values(Range(0, 6) | Take(2)), (Ints{0, 1}));
  EXPECT_EQ(Values(Range(0, 2) | Take(6)), (Ints{0, 1}));
  EXPECT_EQ(Values(Range(0, 2) | Take(0)), Ints());
  EXPECT_EQ(Values(Of<int64_t>({0, 2, 3, 4}) | TakeWhile(even)), (Ints{0, 2}));
  EXPECT_EQ(Values(Range(0, 5) | Drop(3)), (Ints{3, 4}));
  EXPECT_EQ(Values(Range(1, 5) | Scan(int64_t{0}, std::plus<int64_t>())), (Ints{1, 3, 6, 10}));
  EXPECT_EQ(Values(Range(0, 3) | ConcatMap([](int64_t n) { return Range(0, n); })),
            (Ints{0, 0, 1}));
  int64_t seen = 0;
  EXPECT_EQ(Values(Range(0, 3) | OnEach([&](int64_t n) { seen += n; })), (Ints{0, 1, 2}));
  EXPECT_EQ(seen, 3);
}

TEST_P(FlowTest, ChunksAreOfOneSizeButTheLast) {
  auto chunks = (Range(0, 5) | Chunk(2)).ToVector(Background());
  EXPECT_EQ(*chunks, (std::vector<Ints>{{0, 1}, {2, 3}, {4}}));
  EXPECT_EQ((Range(0, 4) | Chunk(2) | Take(1)).ToVector(Background())->size(), 1u);
}

TEST_P(FlowTest, ReduceAndFirst) {
  EXPECT_EQ(*Range(1, 5).Reduce(Background(), std::string(),
                                [](std::string s, int64_t n) { return s + std::to_string(n); }),
            "1234");
  EXPECT_EQ(*Range(7, 1 << 30).First(Background()), 7);
  EXPECT_EQ(Range(0, 0).First(Background()).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Fail<int>(kFailure).First(Background()).status(), kFailure);
}

TEST_P(FlowTest, NothingRunsBeforeItIsCollectedAndEveryCollectionBeginsAnew) {
  int runs = 0;
  const auto f = Create<int64_t>([&](const Context&, const auto& emit) {
    ++runs;
    emit(1);
    return absl::OkStatus();
  });
  const auto taken = f | Take(1) | Drop(0);
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(Values(taken), Ints{1});
  EXPECT_EQ(Values(taken), Ints{1});
  EXPECT_EQ(runs, 2);
}

TEST_P(FlowTest, TheSourceStopsWhenNobodyWantsMore) {
  int64_t emitted = 0;
  const auto counted = Range(0, 1000) | OnEach([&](int64_t n) { emitted = n + 1; });
  EXPECT_EQ(Values(counted | Filter([](int64_t n) { return n % 10 == 9; }) | Take(3)),
            (Ints{9, 19, 29}));
  EXPECT_EQ(emitted, 30);
}

TEST_P(FlowTest, WhatASourceReturnsWhenItWasStoppedDoesNotCount) {
  const auto rude = Create<int64_t>([](const Context&, const auto& emit) {
    while (emit(1)) {
    }
    return kFailure;
  });
  EXPECT_EQ(Values(rude | Take(2)), (Ints{1, 1}));
  EXPECT_EQ(*rude.First(Background()), 1);
}

TEST_P(FlowTest, AnErrorEndsTheFlow) {
  Ints seen;
  EXPECT_EQ(ThenFail({1, 2}).Collect(Background(), [&](int64_t n) { seen.push_back(n); }),
            kFailure);
  EXPECT_EQ(seen, (Ints{1, 2}));
  EXPECT_EQ((Range(0, 9) | TryMap([](int64_t n) -> absl::StatusOr<int64_t> {
               if (n == 3) return kFailure;
               return n;
             }))
                .ToVector(Background())
                .status(),
            kFailure);
  seen.clear();
  EXPECT_EQ(Range(0, 9).Collect(Background(),
                                [&](int64_t n) {
                                  seen.push_back(n);
                                  return n == 1 ? kFailure : absl::OkStatus();
                                }),
            kFailure);
  EXPECT_EQ(seen, (Ints{0, 1}));
}

TEST_P(FlowTest, CatchGoesOnWithAnotherFlow) {
  const auto caught = [](const absl::Status& s) { return Of<int64_t>({s == kFailure ? -1 : -2}); };
  EXPECT_EQ(Values(ThenFail({1}) | Catch(caught)), (Ints{1, -1}));
  EXPECT_EQ(Values(Range(0, 1) | Catch(caught)), Ints{0});
}

TEST_P(FlowTest, RetryBeginsAgainSoOften) {
  std::vector<int> asked;
  const auto backoff = [&](int n) {
    asked.push_back(n);
    return absl::ZeroDuration();
  };
  Ints seen;
  EXPECT_EQ((ThenFail({1}) | Retry(2, backoff))
                .Collect(Background(), [&](int64_t n) { seen.push_back(n); }),
            kFailure);
  EXPECT_EQ(seen, (Ints{1, 1, 1}));
  EXPECT_EQ(asked, (std::vector<int>{1, 2}));
  EXPECT_EQ(Values(ThenFail({1}) | Retry(5) | Take(2)), (Ints{1, 1}));
}

TEST_P(FlowTest, TheContextEndsIt) {
  auto [ctx, cancel] = WithCancel(Background());
  int64_t seen = 0;
  EXPECT_EQ((Range(0, int64_t{1} << 60) | OnEach([&, cancel = cancel](int64_t n) {
               seen = n;
               if (n == 100) cancel();
             }))
                .Collect(ctx, [](int64_t) {})
                .code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(seen, 100);
  auto silent = MakeChan<int>();
  EXPECT_EQ(FromChan(silent).First(ctx).status().code(), absl::StatusCode::kCancelled);
}

TEST_P(FlowTest, WhatAnybodyThrowsComesOut) {
  EXPECT_EQ(PanicOf([] {
              (void)(Range(0, 3) | Map([](int64_t) -> int { Panic("op"); })).ToVector(Background());
            }),
            "op");
}

// Random chains of operators against loops over vectors.
TEST_P(FlowTest, AgreesWithVectors) {
  std::mt19937_64 random(TestSeed());
  for (int round = Repeat(200); round > 0; --round) {
    const int64_t size = random() % 30;
    Flow<int64_t> f = Range(0, size);
    Ints expected;
    for (int64_t n = 0; n < size; ++n) expected.push_back(n);
    for (int op = random() % 6; op > 0; --op) {
      const int64_t k = random() % 10;
      switch (random() % 5) {
        case 0:
          f = f | Map([k](int64_t n) { return n * 3 + k; });
          for (int64_t& n : expected) n = n * 3 + k;
          break;
        case 1:
          f = f | Filter([k](int64_t n) { return n % (k + 1) != 0; });
          std::erase_if(expected, [k](int64_t n) { return n % (k + 1) == 0; });
          break;
        case 2:
          f = f | Take(k);
          if (static_cast<int64_t>(expected.size()) > k) expected.resize(k);
          break;
        case 3:
          f = f | Drop(k);
          expected.erase(expected.begin(),
                         expected.begin() + std::min<int64_t>(k, expected.size()));
          break;
        case 4:
          f = f | Chunk(k + 1) |
              ConcatMap([](const Ints& chunk) { return Of(Ints(chunk.rbegin(), chunk.rend())); });
          for (size_t at = 0; at < expected.size(); at += k + 1) {
            std::reverse(expected.begin() + at,
                         expected.begin() + std::min<size_t>(at + k + 1, expected.size()));
          }
          break;
      }
    }
    EXPECT_EQ(Values(f), expected);
  }
}

}  // namespace
}  // namespace weft::flow
