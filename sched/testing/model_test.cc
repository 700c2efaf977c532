// What the explorer reports, how it searches, and that its schedules replay.
#include "weft/sched/testing/model.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal::model {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kAcqRel = std::memory_order_acq_rel;

// Loses an update only if a preemption comes between a load and its store.
void LostUpdate(Program& p) {
  auto& x = p.Make<Atomic<int>>(0);
  p.Name(&x, "counter");
  for (int i = 0; i < 3; ++i) p.Thread([&] { x.store(x.load(kRelaxed) + 1, kRelaxed); });
  p.Finally([&] { Check(x.load(kRelaxed) == 3, "an update was lost"); });
}

TEST(ModelTest, AReportTellsTheInterleaving) {
  Options options;
  options.old_values = 0;
  const Result result = ExpectBroken(LostUpdate, "an update was lost", options);
  for (const char* words :
       {"T1  load   counter", "-> 0", "relaxed", "model_test.cc:", "WEFT_MODEL_SCHEDULE="}) {
    EXPECT_NE(result.report.find(words), std::string::npos) << words << "\n" << result.report;
  }
}

TEST(ModelTest, EverySearchFindsAndReplays) {
  for (const auto search :
       {Options::Search::kExhaustive, Options::Search::kRandom, Options::Search::kPct}) {
    Options options;
    options.search = search;
    options.old_values = 0;
    ExpectBroken(LostUpdate, "an update was lost", options);
  }
}

TEST(ModelTest, WithoutPreemptionsNothingIsLost) {
  Options options;
  options.old_values = 0;
  options.preemptions = 0;
  const Result result = ExpectSound(LostUpdate, options);
  EXPECT_LE(result.executions, 6u);
  options.preemptions = 1;
  ExpectBroken(LostUpdate, "an update was lost", options);
}

TEST(ModelTest, IndependentThreadsHaveOneEnd) {
  const Result result = ExpectSound([](Program& p) {
    auto& words = p.Make<std::array<Atomic<int>, 3>>();
    for (auto& word : words) {
      p.Thread([&word] {
        for (int i = 0; i < 10; ++i) word.fetch_add(1, kAcqRel);
      });
    }
  });
  EXPECT_EQ(result.distinct, 1u);
  EXPECT_LT(result.executions, 200u);  // of 30! / 10!^3 schedules
}

TEST(ModelTest, ASpinLoopEnds) {
  ExpectSound([](Program& p) {
    auto& flag = p.Make<Atomic<bool>>(false);
    p.Thread([&] { flag.store(true, kRelaxed); });
    p.Thread([&] {
      while (!flag.load(kRelaxed)) SpinHint();
    });
  });
}

TEST(ModelTest, ASpinLoopThatNobodyEndsIsADeadlock) {
  const Result result = ExpectBroken(
      [](Program& p) {
        auto& flag = p.Make<Atomic<bool>>(false);
        p.Name(&flag, "flag");
        p.Thread([&] {
          while (!flag.load(kRelaxed)) SpinHint();
        });
      },
      "nobody can run: T1 spins");
  EXPECT_NE(result.failure.find("on flag = 0"), std::string::npos) << result.failure;
}

TEST(ModelTest, ALoopWithoutAHintIsALivelock) {
  ExpectBroken(
      [](Program& p) {
        auto& flag = p.Make<Atomic<bool>>(false);
        p.Thread([&] {
          while (!flag.load(kRelaxed)) {
          }
        });
      },
      "livelock");
}

TEST(ModelTest, ParkReturnsAfterReadyWhicheverComesFirst) {
  ExpectSound([](Program& p) {
    auto& target = p.Make<Atomic<Parkable*>>(nullptr);
    auto& data = p.Make<Var<int>>(0);
    p.Thread([&] {
      target.store(CurrentParkable(), kRelease);
      Park(WaitReason::kNone);
      Check(data.Get() == 1);  // Ready() synchronizes with the return from Park()
    });
    p.Thread([&] {
      Parkable* parkable;
      while ((parkable = target.load(kAcquire)) == nullptr) SpinHint();
      data.Set(1);
      Ready(parkable);
    });
  });
}

TEST(ModelTest, AParkThatNobodyEndsIsADeadlock) {
  ExpectBroken([](Program& p) { p.Thread([] { Park(WaitReason::kChanReceive); }); },
               "T1 is parked (chan receive)");
}

TEST(ModelTest, PanicsCanBeCaughtAndFatalErrorsCannot) {
  ExpectSound([](Program& p) {
    p.Thread([] {
      try {
        Panic("close of closed channel");
      } catch (const PanicError& error) {
        Check(std::string_view(error.what()) == "close of closed channel");
      }
    });
  });
  ExpectBroken([](Program& p) { p.Thread([] { Panic("boom"); }); }, "uncaught exception: boom");
  ExpectBroken([](Program& p) { p.Thread([] { Fatal("sync: unlock of unlocked mutex"); }); },
               "fatal error: sync: unlock of unlocked mutex");
}

TEST(ModelTest, ExceptionsInFlightBelongToTheirThread) {
  ExpectSound([](Program& p) {
    auto& x = p.Make<Atomic<int>>(0);
    for (int i = 0; i < 2; ++i) {
      p.Thread([&x, i] {
        try {
          throw i;
        } catch (int caught) {
          x.fetch_add(1, kAcqRel);  // the other thread throws and catches here
          try {
            throw;
          } catch (int again) {
            Check(caught == i && again == i);
          }
        }
      });
    }
  });
}

TEST(ModelTest, PlainDataRacesAreFound) {
  const auto both = [](bool write) {
    return [write](Program& p) {
      auto& data = p.Make<Var<int>>(0);
      p.Thread([&] { data.Get(); });
      p.Thread([&, write] { write ? data.Set(1) : void(data.Get()); });
    };
  };
  ExpectSound(both(false));
  ExpectBroken(both(true), "data race");
}

TEST(ModelTest, FinallyKnowsAndMayFail) {
  ExpectBroken(
      [](Program& p) {
        auto& data = p.Make<Var<int>>(0);
        p.Thread([&] { data.Set(1); });
        p.Finally([&] { Check(data.Get() == 2, "not two"); });
      },
      "not two");
}

TEST(ModelTest, AProgramThatChangesFromRunToRunIsRefused) {
  int runs = 0;
  const Result result = Explore({}, [&](Program& p) {
    ++runs;
    auto& x = p.Make<Atomic<int>>(0);
    p.Thread([&] { x.fetch_add(1, kRelaxed); });
    if (runs != 2) p.Thread([&] { x.fetch_add(1, kRelaxed); });
  });
  EXPECT_NE(result.failure.find("does not repeat itself"), std::string::npos) << result;
}

TEST(ModelTest, AtomicsOutsideAnExecutionArePlainValues) {
  Atomic<int> x{1};
  EXPECT_EQ(x.fetch_add(2, kRelaxed), 1);
  int expected = 3;
  EXPECT_TRUE(x.compare_exchange_strong(expected, -5, kRelaxed));
  EXPECT_EQ(x.exchange(7, kRelaxed), -5);
  EXPECT_EQ(x.load(kRelaxed), 7);
  int items[3];
  Atomic<int*> pointer{items};
  EXPECT_EQ(pointer.fetch_add(2, kRelaxed), items);
  EXPECT_EQ(pointer.fetch_sub(1, kRelaxed), items + 2);
  EXPECT_EQ(pointer.load(kRelaxed), items + 1);
}

constinit Atomic<int> global{3};

TEST(ModelTest, AGlobalStartsAnewInEachExecution) {
  ExpectSound([](Program& p) {
    for (int i = 0; i < 2; ++i) p.Thread([] { global.fetch_add(1, kAcqRel); });
    p.Finally([] { Check(global.load(kRelaxed) == 5); });
  });
}

// The seam promises at least 300,000 steps a second in an optimized build; a busy machine may be
// much slower.
TEST(ModelTest, Throughput) {
  Options options;
  options.executions = 3000;
  options.search = Options::Search::kRandom;
  const auto start = std::chrono::steady_clock::now();
  const Result result = Explore(options, [](Program& p) {
    auto& x = p.Make<Atomic<int>>(0);
    auto& y = p.Make<Atomic<int>>(0);
    for (int i = 0; i < 3; ++i) {
      p.Thread([&] {
        for (int n = 0; n < 20; ++n) {
          x.fetch_add(1, kAcqRel);
          y.store(x.load(kAcquire), kRelease);
        }
      });
    }
  });
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  std::printf("  %.0f steps per second\n", static_cast<double>(result.steps) / elapsed.count());
  EXPECT_TRUE(result.ok());
}

}  // namespace
}  // namespace weft::sched_internal::model
