// Bulkhead, Timeout, Fallback, Hedge, and all of them around each other.
#include "weft/patterns/policy.h"

#include <atomic>
#include <string>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/context/sleep.h"
#include "weft/patterns/backoff.h"
#include "weft/patterns/bulkhead.h"
#include "weft/patterns/circuit_breaker.h"
#include "weft/patterns/fallback.h"
#include "weft/patterns/hedge.h"
#include "weft/patterns/timeout.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using PolicyTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, PolicyTest, weft::testing::kWorkerCounts);

using absl::StatusCode;

absl::StatusOr<int> Seven(const Context&) { return 7; }
absl::StatusOr<int> Down(const Context&) { return absl::UnavailableError("down"); }
// An operation that takes for ever but looks at its context.
absl::StatusOr<int> Hang(const Context& ctx) {
  ctx.Done().Recv();
  return ctx.Err();
}

// BulkheadTest

TEST_P(PolicyTest, ABulkheadTurnsAwayWhenItIsFull) {
  Bulkhead bulkhead({.max_concurrent = 1});
  auto entered = MakeChan<Empty>();
  auto gate = MakeChan<Empty>();
  WaitGroup wg;
  wg.Go([&] {
    EXPECT_EQ(*bulkhead.Execute(Background(),
                                [&](const Context&) -> absl::StatusOr<int> {
                                  entered.Close();
                                  gate.Recv();
                                  return 1;
                                }),
              1);
  });
  entered.Recv();
  EXPECT_EQ(bulkhead.Execute(Background(), Seven).status(),
            absl::ResourceExhaustedError("bulkhead is full"));
  gate.Close();
  wg.Wait();
  EXPECT_EQ(*bulkhead.Execute(Background(), Seven), 7);
}

TEST_P(PolicyTest, ABulkheadWaitsForAPlaceAsLongAsItMay) {
  Bulkhead brief({.max_concurrent = 1, .max_wait = absl::Milliseconds(1)});
  Bulkhead patient({.max_concurrent = 1, .max_wait = absl::InfiniteDuration()});
  const auto nested = [](Bulkhead& bulkhead, const Context& ctx) {
    return bulkhead.Execute(Background(),
                            [&](const Context&) { return bulkhead.Execute(ctx, Seven); });
  };
  EXPECT_EQ(nested(brief, Background()).status().code(), StatusCode::kResourceExhausted);
  auto [ctx, cancel] = WithTimeout(Background(), absl::Milliseconds(1));
  EXPECT_EQ(nested(patient, ctx).status().code(), StatusCode::kDeadlineExceeded);
}

TEST_P(PolicyTest, ABulkheadsPlaceSurvivesPanics) {
  Bulkhead bulkhead({.max_concurrent = 1});
  const auto broken = [](const Context&) -> absl::Status { Panic("broke"); };
  EXPECT_THROW((void)bulkhead.Execute(Background(), broken), PanicError);
  EXPECT_EQ(*bulkhead.Execute(Background(), Seven), 7);
  EXPECT_THROW(Bulkhead({.max_concurrent = 0}), PanicError);
}

// TimeoutTest

TEST_P(PolicyTest, ATimeoutEndsTheOperationsContext) {
  Timeout timeout(absl::Milliseconds(1));
  EXPECT_EQ(timeout.Execute(Background(), Hang).status(),
            absl::DeadlineExceededError("timeout exceeded"));
  EXPECT_EQ(*Timeout(absl::Hours(1)).Execute(Background(), Seven), 7);
  EXPECT_EQ(Timeout(absl::Hours(1)).Execute(Background(), Down).status().code(),
            StatusCode::kUnavailable);
}

TEST_P(PolicyTest, ATimeoutDoesNotHideTheCallersOwnEnd) {
  auto [ctx, cancel] = WithCancel(Background());
  cancel();
  EXPECT_EQ(Timeout(absl::Hours(1)).Execute(ctx, Hang).status().code(), StatusCode::kCancelled);
}

// FallbackTest

TEST_P(PolicyTest, AFallbackAnswersForErrors) {
  Fallback fallback([](const Context&, const absl::Status& error) {
    return absl::StatusOr<int>(static_cast<int>(error.message().size()));
  });
  EXPECT_EQ(*fallback.Execute(Background(), Down), 4);
  EXPECT_EQ(*fallback.Execute(Background(), Seven), 7);
}

TEST_P(PolicyTest, AFallbackAnswersForTheErrorsItHandles) {
  Fallback fallback([](const Context&, const absl::Status&) { return absl::StatusOr<int>(0); },
                    absl::IsNotFound);
  EXPECT_EQ(fallback.Execute(Background(), Down).status().code(), StatusCode::kUnavailable);
}

// HedgeTest

TEST_P(PolicyTest, AHedgeBeginsNoSecondAttemptIfTheFirstAnswersInTime) {
  Hedge hedge({.delay = absl::Hours(1)});
  std::atomic<int> calls{0};
  EXPECT_EQ(
      *hedge.Execute(Background(), [&](const Context&) -> absl::StatusOr<int> { return ++calls; }),
      1);
  EXPECT_EQ(calls, 1);
}

TEST_P(PolicyTest, AHedgesFirstSuccessWinsAndTheOthersAreTold) {
  Hedge hedge({.delay = absl::Milliseconds(1), .max_hedges = 2});
  std::atomic<int> calls{0}, told{0};
  absl::StatusOr<int> answer =
      hedge.Execute(Background(), [&](const Context& ctx) -> absl::StatusOr<int> {
        const int call = ++calls;
        if (call == 3) return call;
        ctx.Done().Recv();
        ++told;
        return ctx.Err();
      });
  EXPECT_EQ(*answer, 3);
  EXPECT_EQ(told, 2);
}

TEST_P(PolicyTest, AHedgeFailsWhenAllAttemptsHaveFailed) {
  Hedge hedge({.delay = absl::Hours(1), .max_hedges = 3});
  EXPECT_EQ(hedge.Execute(Background(), Down).status().code(), StatusCode::kUnavailable);
}

TEST_P(PolicyTest, AHedgePassesThePanicOn) {
  Hedge hedge({.delay = absl::Milliseconds(1)});
  std::atomic<int> calls{0};
  const auto op = [&](const Context& ctx) -> absl::StatusOr<int> {
    if (++calls == 2) Panic("attempt broke");
    return Hang(ctx);
  };
  EXPECT_THROW((void)hedge.Execute(Background(), op), PanicError);
}

// ComposeTest

// Writes its name on the way in and on the way out.
struct Named {
  template <Operation Op>
  OperationResult<Op> Execute(const Context& ctx, Op&& op) {
    *order += name;
    OperationResult<Op> result = op(ctx);
    *order += name;
    return result;
  }
  char name;
  std::string* order;
};

TEST_P(PolicyTest, TheFirstPolicyIsOutermost) {
  std::string order;
  Named a{'a', &order}, b{'b', &order};
  auto policy = Compose(a, b);
  EXPECT_TRUE(policy
                  .Execute(Background(),
                           [&](const Context&) {
                             order += '.';
                             return absl::OkStatus();
                           })
                  .ok());
  EXPECT_EQ(order, "ab.ba");
}

TEST_P(PolicyTest, AllPoliciesTogether) {
  Fallback fallback([](const Context&, const absl::Status&) { return absl::StatusOr<int>(-1); });
  Retry retry({.backoff = BackoffOptions::Constant(absl::ZeroDuration()), .max_tries = 4});
  CircuitBreaker breaker(
      {.ready_to_trip = [](const BreakerCounts& counts) { return counts.failures >= 3; }});
  Bulkhead bulkhead({.max_concurrent = 2});
  Hedge hedge({.delay = absl::Hours(1)});
  Timeout timeout(absl::Hours(1));
  auto policy = Compose(fallback, retry, breaker, bulkhead, hedge, timeout);

  std::atomic<int> calls{0};
  const auto op = [&](const Context&) -> absl::StatusOr<int> {
    if (++calls % 3 != 0) return absl::UnavailableError("down");
    return 7;
  };
  EXPECT_EQ(*policy.Execute(Background(), op), 7) << "the third attempt";
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(*policy.Execute(Background(), Down), -1) << "the fallback";
  EXPECT_EQ(breaker.State(), BreakerState::kOpen);
  EXPECT_EQ(*policy.Execute(Background(), op), -1) << "refused by the breaker";
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace weft
