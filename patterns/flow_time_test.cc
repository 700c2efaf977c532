#include "weft/patterns/flow_time.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/flow.h"
#include "weft/patterns/flow_more.h"
#include "weft/sched/testing/fixture.h"

namespace weft::flow {
namespace {

using weft::testing::RunInFiber;

using FlowTimeTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, FlowTimeTest, weft::testing::kWorkerCounts);

using Ints = std::vector<int64_t>;
const absl::Status kFailure = absl::DataLossError("failure");
// So long that nobody sees it pass, and so short that everybody does.
constexpr absl::Duration kLong = absl::Hours(1), kShort = absl::Milliseconds(1);

Ints Values(const Flow<int64_t>& f) {
  auto all = f.ToVector(Background());
  EXPECT_TRUE(all.ok()) << all.status();
  return all.ok() ? *all : Ints();
}

// Emits each value only after the one before it has arrived.
class Patient {
 public:
  Flow<int64_t> Source(int64_t count) {
    return Create<int64_t>([this, count](const Context& ctx, const auto& emit) {
      for (int64_t n = 0; n < count && emit(n); ++n) {
        if (Select(OnRecv(arrived_), OnDone(ctx)) == 1) break;
      }
      return ctx.Err();
    });
  }
  auto Arrive() {
    return OnEach([this](const auto&) { arrived_.Send({}); });
  }

 private:
  Chan<Empty> arrived_ = MakeChan<Empty>(1);
};

Flow<int64_t> Never() {
  return Create<int64_t>([](const Context& ctx, const auto&) {
    ctx.Done().Recv();
    return ctx.Err();
  });
}

Flow<int64_t> ThenFail(Ints values) {
  return Concat<int64_t>({Of(std::move(values)), Fail<int64_t>(kFailure)});
}

TEST_P(FlowTimeTest, IntervalCounts) {
  RunInFiber([] {
    const absl::Time start = absl::Now();
    EXPECT_EQ(Values(Interval(kShort) | Take(5)), (Ints{0, 1, 2, 3, 4}));
    EXPECT_GE(absl::Now() - start, 4 * kShort);
  });
}

TEST_P(FlowTimeTest, DebounceLeavesTheLastOfARush) {
  RunInFiber([] {
    EXPECT_EQ(Values(Range(0, 10) | Debounce(kLong)), Ints{9});
    EXPECT_EQ(Values(Range(0, 0) | Debounce(kLong)), Ints());
    EXPECT_EQ((ThenFail({1}) | Debounce(kLong)).ToVector(Background()).status(), kFailure);
  });
}

TEST_P(FlowTimeTest, DebounceLetsAValueThatStaysAlonePass) {
  RunInFiber([] {
    Patient p;
    EXPECT_EQ(Values(p.Source(4) | Debounce(kShort) | p.Arrive()), (Ints{0, 1, 2, 3}));
    EXPECT_EQ(Values(p.Source(4) | Debounce(kShort) | Take(1)), Ints{0});
  });
}

TEST_P(FlowTimeTest, ThrottleFirstLeavesTheFirst) {
  RunInFiber([] {
    EXPECT_EQ(Values(Range(0, 10) | ThrottleFirst(kLong)), Ints{0});
    EXPECT_EQ(Values(Range(0, 10) | ThrottleFirst(absl::ZeroDuration())).size(), 10u);
  });
}

TEST_P(FlowTimeTest, ThrottleLastLeavesTheLast) {
  RunInFiber([] {
    EXPECT_EQ(Values(Range(0, 10) | ThrottleLast(kLong)), Ints{9});
    EXPECT_EQ((ThenFail({1}) | ThrottleLast(kLong)).ToVector(Background()).status(), kFailure);
    Patient p;
    EXPECT_EQ(Values(p.Source(4) | ThrottleLast(kShort) | p.Arrive()), (Ints{0, 1, 2, 3}));
    EXPECT_EQ(Values(Interval(absl::Microseconds(100)) | ThrottleLast(kShort) | Take(2)).size(),
              2u);
  });
}

TEST_P(FlowTimeTest, TimeoutEachEndsASilentFlow) {
  RunInFiber([] {
    EXPECT_EQ((Never() | TimeoutEach(kShort)).ToVector(Background()).status().code(),
              absl::StatusCode::kDeadlineExceeded);
    EXPECT_EQ(Values(Range(0, 5) | TimeoutEach(kLong)), (Ints{0, 1, 2, 3, 4}));
    EXPECT_EQ(Values(Range(0, 5) | TimeoutEach(kLong) | Take(1)), Ints{0});
    EXPECT_EQ((ThenFail({1}) | TimeoutEach(kLong)).ToVector(Background()).status(), kFailure);
  });
}

TEST_P(FlowTimeTest, AWindowEndsWhenItIsFullOrItsTimeIsOver) {
  RunInFiber([] {
    EXPECT_EQ(*(Range(0, 5) | Window(2, kLong)).ToVector(Background()),
              (std::vector<Ints>{{0, 1}, {2, 3}, {4}}));
    Patient p;
    EXPECT_EQ(*(p.Source(3) | Window(100, kShort) | p.Arrive()).ToVector(Background()),
              (std::vector<Ints>{{0}, {1}, {2}}));
    EXPECT_EQ((Range(0, 5) | Window(2, kLong) | Take(1)).ToVector(Background())->size(), 1u);
  });
}

TEST_P(FlowTimeTest, TheContextEndsThemAll) {
  RunInFiber([] {
    auto [ctx, cancel] = WithTimeout(Background(), kShort);
    for (const auto& f :
         {Interval(kLong), Never() | Debounce(kLong), Never() | ThrottleLast(kLong),
          Never() | TimeoutEach(kLong),
          Never() | Window(2, kLong) | Map([](const Ints&) { return int64_t{0}; })}) {
      EXPECT_EQ(f.ToVector(ctx).status().code(), absl::StatusCode::kDeadlineExceeded);
    }
  });
}

}  // namespace
}  // namespace weft::flow
