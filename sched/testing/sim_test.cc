#include "weft/sched/testing/sim.h"

#include <unistd.h>

#include <cstdio>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/fault.h"
#include "weft/sched/timer.h"

namespace weft::sim {
namespace {

using sched_internal::Op;
using sched_internal::SimPoint;

// An operation on `object`, as those of sync and chan end with.
void Touch(const void* object) { SimPoint(Op::kAtomicWrite, object); }
void Look(const void* object) { SimPoint(Op::kAtomicLoad, object); }

// `steps` operations in each of `fibers` fibers, all started at one instant.
std::function<void()> Independent(int fibers, int steps, bool same_object) {
  return [=] {
    static char objects[16];
    Atomically([=] {
      // What two fibers touch first, each for itself, might be one object: so it is made known
      // here.
      for (int i = 0; i < fibers; ++i) Touch(&objects[i]);
      for (int i = 0; i < fibers; ++i) {
        Go([=] {
          for (int k = 0; k < steps; ++k) Touch(&objects[same_object ? 0 : i]);
        });
      }
    });
  };
}

// Two fibers that read, think, and write.
constexpr int kLostUpdateWaits = __LINE__ + 14;
void LostUpdate() {
  int value = 0;
  int done = 0;
  Parkable* main = CurrentParkable();
  for (int i = 0; i < 2; ++i) {
    Go([&] {
      const int seen = value;
      Touch(&value);
      value = seen + 1;
      Touch(&value);
      if (++done == 2) Ready(main);
    });
  }
  Park(WaitReason::kSyncWaitGroupWait);
  Check(value == 2, "an update was lost");
}

int64_t Binomial(int n, int k) {
  int64_t result = 1;
  for (int i = 1; i <= k; ++i) result = result * (n - k + i) / i;
  return result;
}

TEST(SimTest, RunsToTheEnd) {
  int runs = 0;
  const Result result = sim::Run({.runs = 10}, [&] {
    EXPECT_TRUE(Active());
    EXPECT_TRUE(InFiber());
    EXPECT_EQ(NumFiber(), 1);
    ++runs;
  });
  EXPECT_TRUE(result.passed);
  EXPECT_EQ(runs, 10);
  EXPECT_EQ(result.runs, 10);
  EXPECT_EQ(result.distinct, 1);
  EXPECT_FALSE(Active());
}

TEST(SimTest, ClockStandsStillUntilAllWait) {
  const Result result = sim::Run({.runs = 20}, [] {
    const absl::Time start = absl::FromCivil(absl::CivilSecond(2000, 1, 1), absl::UTCTimeZone());
    EXPECT_EQ(WallNow(), start);
    const int64_t begin = MonotonicNanos();
    for (int i = 0; i < 10; ++i) Gosched();
    EXPECT_EQ(MonotonicNanos(), begin);
    Go([=] {
      Sleep(absl::Hours(1));
      EXPECT_EQ(WallNow(), start + absl::Hours(1));
    });
    Sleep(absl::Hours(2));
    EXPECT_EQ(WallNow(), start + absl::Hours(2));
    EXPECT_EQ(MonotonicNanos() - begin, absl::ToInt64Nanoseconds(absl::Hours(2)));
  });
  EXPECT_TRUE(result.passed) << result.report;
}

TEST(SimTest, TimersThatAreDueTogetherFireInAnyOrder) {
  std::set<std::string> orders;
  const Result result = sim::Run({.runs = 200}, [&] {
    std::string order;
    for (const char* name : {"a", "b", "c"}) {
      Go([&order, name] {
        Sleep(absl::Seconds(1));
        order += name;
      });
    }
    Sleep(absl::Seconds(2));
    orders.insert(order);
  });
  EXPECT_TRUE(result.passed) << result.report;
  EXPECT_EQ(orders.size(), 6u);
}

// A fiber of m operations takes m + 1 steps, the last one to its end.
TEST(SimTest, ExhaustiveCountsInterleavingsOfTwo) {
  for (int m = 1; m <= 4; ++m) {
    const Result result =
        sim::Run({.search = Search::kExhaustive, .runs = 1'000'000, .reduction = false},
                 Independent(2, m, /*same_object=*/true));
    EXPECT_TRUE(result.passed);
    EXPECT_TRUE(result.complete);
    EXPECT_EQ(result.runs, Binomial(2 * (m + 1), m + 1)) << m;
    EXPECT_EQ(result.distinct, result.runs) << m;
  }
}

TEST(SimTest, ExhaustiveCountsInterleavingsOfThree) {
  // (3 * 3)! / (3!)^3
  const Result result =
      sim::Run({.search = Search::kExhaustive, .runs = 1'000'000, .reduction = false},
               Independent(3, 2, /*same_object=*/true));
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.runs, 1680);
  EXPECT_EQ(result.distinct, 1680);
}

// Steps on one object do not commute, so all orders of them are left; the ends of fibers do.
TEST(SimTest, ReductionKeepsOrdersOfDependentSteps) {
  for (int m = 1; m <= 4; ++m) {
    const Result result = sim::Run({.search = Search::kExhaustive, .runs = 1'000'000},
                                   Independent(2, m, /*same_object=*/true));
    EXPECT_TRUE(result.complete);
    EXPECT_EQ(result.runs - result.redundant, Binomial(2 * m, m)) << m;
  }
}

TEST(SimTest, ReductionLeavesOneOrderOfIndependentSteps) {
  for (int fibers = 2; fibers <= 4; ++fibers) {
    const Result result = sim::Run({.search = Search::kExhaustive, .runs = 1'000'000},
                                   Independent(fibers, 3, /*same_object=*/false));
    EXPECT_TRUE(result.complete);
    EXPECT_EQ(result.runs - result.redundant, 1) << fibers;
  }
}

TEST(SimTest, ReductionKnowsThatReadsCommute) {
  const Result result = sim::Run({.search = Search::kExhaustive, .runs = 1'000'000}, [] {
    static char object;
    Atomically([] {
      for (int i = 0; i < 2; ++i) {
        Go([] {
          for (int k = 0; k < 3; ++k) Look(&object);
        });
      }
    });
  });
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.runs - result.redundant, 1);
}

// The reduction loses no outcome: compared with the search that leaves nothing out.
TEST(SimTest, ReductionLosesNoOutcome) {
  const auto outcomes = [](bool reduction) {
    std::set<std::string> seen;
    const Result result =
        sim::Run({.search = Search::kExhaustive, .runs = 1'000'000, .reduction = reduction}, [&] {
          char x = '-', y = '-';
          char seen_x = 0, seen_y = 0;
          Parkable* main = CurrentParkable();
          int left = 3;
          const auto end = [&] {
            if (--left == 0) Ready(main);
          };
          Atomically([&] {
            Go([&] {
              x = 'a';
              Touch(&x);
              seen_y = y;
              Touch(&y);
              end();
            });
            Go([&] {
              y = 'b';
              Touch(&y);
              seen_x = x;
              Touch(&x);
              end();
            });
            Go([&] {
              y = 'c';
              Touch(&y);
              end();
            });
          });
          Park(WaitReason::kSyncWaitGroupWait);
          seen.insert({seen_x, seen_y, y});
        });
    EXPECT_TRUE(result.passed) << result.report;
    EXPECT_TRUE(result.complete);
    return seen;
  };
  const std::set<std::string> all = outcomes(false);
  EXPECT_EQ(outcomes(true), all);
  EXPECT_GT(all.size(), 3u);
}

// With at most b preemptions: zero leaves only the order of starting.
TEST(SimTest, PreemptionBoundIsKept) {
  const auto runs = [](int bound) {
    return sim::Run({.search = Search::kExhaustive, .runs = 1'000'000, .preemptions = bound},
                    Independent(2, 3, /*same_object=*/true))
        .runs;
  };
  EXPECT_EQ(runs(0), 2);
  // One of the two is stopped after one of its three operations.
  EXPECT_EQ(runs(1), 2 + 2 * 3);
  EXPECT_EQ(runs(100), Binomial(8, 4));
}

TEST(SimTest, EverySearchFindsALostUpdate) {
  for (const Search search : {Search::kMixed, Search::kRandom, Search::kPct, Search::kExhaustive}) {
    const Result result = sim::Run({.search = search, .runs = 1000}, LostUpdate);
    EXPECT_FALSE(result.passed) << static_cast<int>(search);
    EXPECT_EQ(result.failure, "an update was lost");
    EXPECT_EQ(result.preemptions, 1) << result.report;
    EXPECT_TRUE(result.fewest);
  }
}

TEST(SimTest, ScheduleRepeatsTheFailure) {
  const Result found = sim::Run({.runs = 1000}, LostUpdate);
  ASSERT_FALSE(found.passed);
  const Result again = sim::Run({.schedule = found.schedule}, LostUpdate);
  EXPECT_FALSE(again.passed);
  EXPECT_EQ(again.failure, found.failure);
  EXPECT_EQ(again.schedule, found.schedule);
}

TEST(SimTest, SeedRepeatsTheTrace) {
  const Result found = sim::Run({.runs = 1000, .shrink = false}, LostUpdate);
  ASSERT_FALSE(found.passed);
  EXPECT_NE(found.report.find("WEFT_SEED=" + std::to_string(found.seed)), std::string::npos);
  const Result again = sim::Run({.seed = found.seed, .runs = 1, .shrink = false}, LostUpdate);
  EXPECT_FALSE(again.passed);
  EXPECT_EQ(again.trace, found.trace);
  EXPECT_EQ(again.schedule, found.schedule);
}

// Some of everything: many fibers, timers, draws.
void Busy() {
  char objects[3] = {};
  for (int i = 0; i < 20; ++i) {
    Go([&objects, i] {
      for (int k = 0; k < 20; ++k) {
        Touch(&objects[(i + k) % 3]);
        if (Choose(4) == 0) Gosched();
        if (Choose(8) == 0) Sleep(absl::Milliseconds(static_cast<int>(Choose(3))));
      }
    });
  }
  Sleep(absl::Seconds(1));
}

uint64_t HashOfBusyRuns() {
  uint64_t hash = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Result result = sim::Run({.seed = seed, .runs = 1}, Busy);
    EXPECT_TRUE(result.passed) << result.report;
    hash = hash * 31 + result.trace_hash;
  }
  return hash;
}

TEST(TraceProbe, PrintsHash) {
  std::printf("HASH=%llu\n", static_cast<unsigned long long>(HashOfBusyRuns()));
}

TEST(SimTest, SameTracesInEveryProcess) {
  const uint64_t here = HashOfBusyRuns();
  char self[4096] = {};
  ASSERT_GT(readlink("/proc/self/exe", self, sizeof self - 1), 0);
  const std::string command = std::string(self) + " --gtest_filter=TraceProbe.PrintsHash";
  for (int i = 0; i < 2; ++i) {
    FILE* other = popen(command.c_str(), "r");
    ASSERT_NE(other, nullptr);
    unsigned long long there = 0;
    char line[256];
    while (std::fgets(line, sizeof line, other) != nullptr) {
      std::sscanf(line, "HASH=%llu", &there);
    }
    EXPECT_EQ(pclose(other), 0);
    EXPECT_EQ(there, here);
  }
}

TEST(SimTest, SeedsDiffer) {
  const Result result = sim::Run({.runs = 100}, Busy);
  EXPECT_TRUE(result.passed) << result.report;
  EXPECT_EQ(result.distinct, 100);
  EXPECT_GT(result.points, 100 * 400);
}

__attribute__((noinline)) void GetStuck() {
  Park(WaitReason::kChanReceive);
  asm volatile("");  // or else the call above would be a jump, and leave no frame
}

TEST(SimTest, DeadlockIsReportedWithAllStacks) {
  const Result result = sim::Run({}, [] {
    Go({.name = "stuck"}, [] { GetStuck(); });
    Park(WaitReason::kSyncMutexLock);
  });
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.failure, "all fibers are asleep - deadlock!");
  EXPECT_NE(result.report.find("fiber 1 [sync.Mutex.Lock, name main]"), std::string::npos)
      << result.report;
  EXPECT_NE(result.report.find("fiber 2 [chan receive, name stuck]"), std::string::npos)
      << result.report;
  EXPECT_NE(result.report.find("GetStuck()"), std::string::npos) << result.report;
  EXPECT_EQ(result.preemptions, 0);
  EXPECT_EQ(result.schedule, "plain");
}

TEST(SimTest, SleepersAreNotDeadlocked) {
  const Result result = sim::Run({}, [] {
    Parkable* main = CurrentParkable();
    Go([main] {
      Sleep(absl::Hours(1000));
      Ready(main);
    });
    Park(WaitReason::kChanReceive);
  });
  EXPECT_TRUE(result.passed) << result.report;
}

TEST(SimTest, PanicIsReportedWithItsStack) {
  const Result result = sim::Run({}, [] {
    Go([] { Panic("oops"); });
    Sleep(absl::Seconds(1));
  });
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.failure, "panic: oops");
  EXPECT_NE(result.report.find("fiber 2 [running]"), std::string::npos) << result.report;
}

TEST(SimTest, ForeignExceptionIsAPanic) {
  const Result result = sim::Run({}, [] { throw std::runtime_error("foreign"); });
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.failure, "panic: std::runtime_error: foreign");
}

TEST(SimTest, FatalErrorFailsTheRunOnly) {
  const Result result = sim::Run({}, [] { Fatal("no way"); });
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.failure, "fatal error: no way");
}

TEST(SimTest, FailureInATimerCallbackIsReported) {
  struct Bad : SchedTimer {
    Bad() : SchedTimer([](SchedTimer*, int64_t) { Fatal("in a callback"); }) {}
  };
  const Result result = sim::Run({}, [] {
    Bad bad;
    bad.Arm(MonotonicNanos() + 1);
    Sleep(absl::Seconds(1));
  });
  EXPECT_EQ(result.failure, "fatal error: in a callback");
}

TEST(SimTest, GoexitEndsAFiber) {
  const Result result = sim::Run({.runs = 50}, [] {
    bool destroyed = false;
    Go([&] {
      struct Finally {
        bool* destroyed;
        ~Finally() { *destroyed = true; }
      } finally{&destroyed};
      Goexit();
    });
    Sleep(absl::Seconds(1));
    Check(destroyed, "Goexit() ran no destructor");
  });
  EXPECT_TRUE(result.passed) << result.report;
}

TEST(SimTest, FibersLeftOverAreAFailure) {
  const auto leave = [] { Go([] { Park(WaitReason::kChanReceive); }); };
  const Result result = sim::Run({}, leave);
  EXPECT_EQ(result.failure, "main has ended, and these fibers are left over: 1");
  EXPECT_NE(result.report.find("fiber 2 [chan receive]"), std::string::npos) << result.report;
  EXPECT_TRUE(sim::Run({.may_leave_fibers = true}, leave).passed);
}

TEST(SimTest, FibersMayEndWithinTheDrain) {
  const auto late = [] { Go([] { Sleep(absl::Seconds(30)); }); };
  EXPECT_TRUE(sim::Run({}, late).passed);
  EXPECT_FALSE(sim::Run({.drain = absl::Seconds(1)}, late).passed);
}

TEST(SimTest, RunWithoutEndIsAFailure) {
  const Result result = sim::Run({.max_points = 1000, .shrink = false}, [] {
    for (;;) Gosched();
  });
  EXPECT_EQ(result.failure, "fatal error: no end after 1000 scheduling points");
}

// A loop that waits by yielding ends under every search: those it waits for get their turn.
TEST(SimTest, YieldingLoopsEnd) {
  for (const Search search : {Search::kMixed, Search::kRandom, Search::kPct, Search::kExhaustive}) {
    const Result result = sim::Run({.search = search, .runs = 200, .max_points = 10'000}, [] {
      bool set = false;
      Go([&] {
        Touch(&set);
        set = true;
      });
      while (!set) Gosched();
    });
    EXPECT_TRUE(result.passed) << result.report;
  }
}

TEST(SimTest, FaultsAreInjectedAndReplayed) {
  EXPECT_FALSE(Fault());
  const auto body = [] { Check(!Fault(), "a fault"); };
  EXPECT_TRUE(sim::Run({.faults = 0}, body).passed);
  const Result result = sim::Run({.runs = 1000, .faults = 0.1}, body);
  ASSERT_FALSE(result.passed);
  EXPECT_FALSE(sim::Run({.schedule = result.schedule}, body).passed);
  EXPECT_FALSE(sim::Run({.search = Search::kExhaustive}, body).passed);
}

TEST(SimTest, ChooseIsExplored) {
  std::set<uint32_t> seen;
  const Result result = sim::Run({.search = Search::kExhaustive, .runs = 1000}, [&] {
    const uint32_t a = Choose(3);
    const uint32_t b = Choose(4);
    seen.insert(a * 4 + b);
  });
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.runs, 12);
  EXPECT_EQ(seen.size(), 12u);
}

TEST(SimTest, RunsInsideAFiberOfTheRuntime) {
  Parkable* self = CurrentParkable();
  Result result;
  Go([&] {
    result = sim::Run({.runs = 1000}, LostUpdate);
    Ready(self);
  });
  Park(WaitReason::kForever);
  EXPECT_EQ(result.failure, "an update was lost");
}

TEST(SimTest, StoryTellsWhoDidWhatWhere) {
  const Result result = sim::Run({.runs = 1000}, LostUpdate);
  EXPECT_NE(result.report.find("1 main"), std::string::npos);
  EXPECT_NE(result.report.find("waits: sync.WaitGroup.Wait"), std::string::npos) << result.report;
  EXPECT_NE(result.report.find("atomic write #"), std::string::npos);
  EXPECT_NE(result.report.find("---- is stopped here ----"), std::string::npos);
  const std::string where = "LostUpdate() sim_test.cc:" + std::to_string(kLostUpdateWaits) + "\n";
  EXPECT_NE(result.report.find(where), std::string::npos) << result.report;
}

}  // namespace
}  // namespace weft::sim
