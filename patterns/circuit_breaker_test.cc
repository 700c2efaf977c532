#include "weft/patterns/circuit_breaker.h"

#include <atomic>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "weft/patterns/breaker_reference.h"
#include "weft/patterns/panics.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/seed.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using patterns_internal::BreakerCore;
using Outcome = BreakerCore::Outcome;
using CircuitBreakerTest = weft::testing::FiberTest;

absl::Status Request(CircuitBreaker& breaker, absl::Status answer) {
  return breaker.Execute(Background(), [&](const Context&) { return answer; });
}
const absl::Status kDown = absl::InternalError("down");

TEST_F(CircuitBreakerTest, TripsAfterMoreThanFiveConsecutiveFailures) {
  CircuitBreaker breaker;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Request(breaker, kDown), kDown);
  EXPECT_TRUE(Request(breaker, absl::OkStatus()).ok());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Request(breaker, kDown), kDown);
  EXPECT_EQ(breaker.State(), BreakerState::kClosed);
  EXPECT_EQ(Request(breaker, kDown), kDown);
  EXPECT_EQ(breaker.State(), BreakerState::kOpen);
  EXPECT_EQ(Request(breaker, absl::OkStatus()), absl::UnavailableError("circuit breaker is open"));
}

TEST_F(CircuitBreakerTest, CountsWhatItHasSeen) {
  CircuitBreaker breaker({.is_excluded = absl::IsCancelled});
  (void)Request(breaker, absl::OkStatus());
  (void)Request(breaker, kDown);
  (void)Request(breaker, absl::CancelledError(""));
  const BreakerCounts counts = breaker.Counts();
  EXPECT_EQ(counts.requests, 3);
  EXPECT_EQ(counts.successes, 1);
  EXPECT_EQ(counts.failures, 1);
  EXPECT_EQ(counts.exclusions, 1);
  EXPECT_EQ(counts.consecutive_failures, 1);
}

TEST_F(CircuitBreakerTest, APanicIsAFailureAndPassesThrough) {
  CircuitBreaker breaker;
  const auto broken = [](const Context&) -> absl::Status { Panic("request broke"); };
  EXPECT_THROW((void)breaker.Execute(Background(), broken), PanicError);
  EXPECT_EQ(breaker.Counts().failures, 1);
}

TEST_F(CircuitBreakerTest, GoexitDoesNotCount) {
  CircuitBreaker breaker;
  WaitGroup wg;
  wg.Go([&] {
    (void)breaker.Execute(Background(), [](const Context&) -> absl::Status { Goexit(); });
  });
  wg.Wait();
  EXPECT_EQ(breaker.Counts().failures, 0);
  EXPECT_EQ(breaker.Counts().exclusions, 1);
}

TEST_F(CircuitBreakerTest, ResultsPassThrough) {
  CircuitBreaker breaker;
  absl::StatusOr<int> result =
      breaker.Execute(Background(), [](const Context&) { return absl::StatusOr<int>(7); });
  EXPECT_EQ(*result, 7);
}

TEST_F(CircuitBreakerTest, ReportsItsChangesAndRecovers) {
  std::vector<std::string> changes;
  CircuitBreaker breaker({.name = "users",
                          .timeout = absl::Nanoseconds(1),
                          .ready_to_trip = [](const BreakerCounts&) { return true; },
                          .on_state_change =
                              [&](const std::string& name, BreakerState from, BreakerState to) {
                                changes.push_back(name + std::to_string(static_cast<int>(from)) +
                                                  std::to_string(static_cast<int>(to)));
                              }});
  (void)Request(breaker, kDown);
  while (breaker.State() != BreakerState::kHalfOpen) Gosched();
  EXPECT_TRUE(Request(breaker, absl::OkStatus()).ok());
  EXPECT_EQ(breaker.State(), BreakerState::kClosed);
  EXPECT_EQ(changes, (std::vector<std::string>{"users02", "users21", "users10"}));
}

TEST_F(CircuitBreakerTest, HalfOpenLetsAsManyThroughAsAllowed) {
  CircuitBreaker breaker({.max_requests = 2,
                          .timeout = absl::Nanoseconds(1),
                          .ready_to_trip = [](const BreakerCounts&) { return true; }});
  (void)Request(breaker, kDown);
  while (breaker.State() != BreakerState::kHalfOpen) Gosched();
  CircuitBreaker::Permit first(&breaker), second(&breaker), third(&breaker);
  EXPECT_TRUE(first.Request().ok());
  EXPECT_TRUE(second.Request().ok());
  EXPECT_EQ(third.Request(), absl::UnavailableError("too many requests"));
  first.End(absl::OkStatus());
  EXPECT_EQ(breaker.State(), BreakerState::kHalfOpen);
  second.End(absl::OkStatus());
  EXPECT_EQ(breaker.State(), BreakerState::kClosed);
}

// The core alone, under a clock of its own.
class Machine {
 public:
  explicit Machine(BreakerCore::Settings settings) : core_(Completed(std::move(settings)), 0) {}

  static BreakerCore::Settings Completed(BreakerCore::Settings settings) {
    if (!settings.ready_to_trip) {
      settings.ready_to_trip = [](const BreakerCounts& c) { return c.consecutive_failures > 5; };
    }
    return settings;
  }

  bool Do(int64_t now, Outcome outcome) {
    BreakerCore::Admission admission;
    if (!core_.Admit(now, &admission)) return false;
    core_.Record(now, admission, outcome);
    return true;
  }
  BreakerCore& core() { return core_; }

 private:
  BreakerCore core_;
};

TEST_F(CircuitBreakerTest, TheTimeoutIsOverStrictlyAfterIt) {
  Machine machine({.timeout_ns = 100});
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(machine.Do(7, Outcome::kFailure));
  EXPECT_EQ(machine.core().StateAt(107), BreakerState::kOpen);
  EXPECT_EQ(machine.core().StateAt(108), BreakerState::kHalfOpen);
  EXPECT_TRUE(machine.Do(109, Outcome::kFailure));
  EXPECT_EQ(machine.core().StateAt(109), BreakerState::kOpen) << "one failure is enough";
}

TEST_F(CircuitBreakerTest, TheIntervalClearsTheCounts) {
  Machine machine({.interval_ns = 100, .timeout_ns = 100});
  EXPECT_TRUE(machine.Do(50, Outcome::kFailure));
  EXPECT_EQ(machine.core().counts().failures, 1);
  EXPECT_EQ(machine.core().StateAt(101), BreakerState::kClosed);
  EXPECT_EQ(machine.core().counts(), BreakerCounts());
}

TEST_F(CircuitBreakerTest, WhatBeganInAnotherGenerationDoesNotCount) {
  Machine machine({.interval_ns = 100, .timeout_ns = 100});
  BreakerCore::Admission old;
  ASSERT_TRUE(machine.core().Admit(50, &old));
  machine.core().Record(200, old, Outcome::kFailure);
  EXPECT_EQ(machine.core().counts(), BreakerCounts());
}

TEST_F(CircuitBreakerTest, BucketsAreDroppedOneByOne) {
  Machine machine({.interval_ns = 30, .bucket_ns = 10, .timeout_ns = 100});
  for (int64_t now : {5, 15, 25}) EXPECT_TRUE(machine.Do(now, Outcome::kSuccess));
  EXPECT_EQ(machine.core().counts().successes, 3);
  (void)machine.core().StateAt(30);
  EXPECT_EQ(machine.core().counts().successes, 2);
  (void)machine.core().StateAt(49);
  EXPECT_EQ(machine.core().counts().successes, 1);
  (void)machine.core().StateAt(1000000);
  EXPECT_EQ(machine.core().counts().successes, 0);
}

TEST_F(CircuitBreakerTest, AgreesWithTheReference) {
  std::mt19937_64 random(weft::testing::Seed());
  for (int round = 0; round < 300; ++round) {
    const int64_t max_requests = 1 + random() % 3;
    const int64_t bucket = random() % 2 * 10;
    const int64_t interval = bucket * (2 + random() % 3) + (bucket == 0 ? random() % 2 * 50 : 0);
    const int64_t trip = 2 + random() % 4;
    BreakerCore core(
        {.max_requests = max_requests,
         .interval_ns = interval,
         .bucket_ns = bucket,
         .timeout_ns = 40,
         .ready_to_trip = [trip](const BreakerCounts& c) { return c.failures >= trip; },
         .on_state_change = nullptr},
        0);
    BreakerReference reference(max_requests, interval, bucket, 40, trip);
    std::vector<std::pair<BreakerCore::Admission, int64_t>> open;
    int64_t now = 0;
    for (int i = 0; i < 200; ++i) {
      now += random() % 8;
      ASSERT_EQ(core.StateAt(now), reference.StateAt(now)) << "round " << round << ", " << i;
      ASSERT_EQ(core.counts(), reference.CountsAt(now)) << "round " << round << ", " << i;
      if (open.empty() || random() % 2 == 0) {
        BreakerCore::Admission admission;
        const bool admitted = core.Admit(now, &admission);
        const int64_t request = reference.Admit(now);
        ASSERT_EQ(admitted, request >= 0) << "round " << round << ", " << i;
        if (admitted) open.emplace_back(admission, request);
      } else {
        std::swap(open[random() % open.size()], open.back());
        const Outcome outcome = random() % 8 == 0   ? Outcome::kExcluded
                                : random() % 2 == 0 ? Outcome::kSuccess
                                                    : Outcome::kFailure;
        core.Record(now, open.back().first, outcome);
        reference.Record(now, open.back().second, outcome);
        open.pop_back();
      }
    }
  }
}

using CircuitBreakerStressTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, CircuitBreakerStressTest, weft::testing::kWorkerCounts);

TEST_P(CircuitBreakerStressTest, CountsAddUpUnderConcurrency) {
  CircuitBreaker breaker({.ready_to_trip = [](const BreakerCounts&) { return false; }});
  constexpr int kFibers = 8;
  const int requests = weft::testing::Repeat(1000);
  WaitGroup wg;
  for (int f = 0; f < kFibers; ++f) {
    wg.Go([&, f] {
      for (int i = 0; i < requests; ++i) {
        (void)Request(breaker, (i + f) % 4 == 0 ? kDown : absl::OkStatus());
      }
    });
  }
  wg.Wait();
  const BreakerCounts counts = breaker.Counts();
  EXPECT_EQ(counts.requests, int64_t{kFibers} * requests);
  EXPECT_EQ(counts.successes + counts.failures, counts.requests);
}

}  // namespace
}  // namespace weft
