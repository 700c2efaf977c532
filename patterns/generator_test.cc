#include "weft/patterns/generator.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::PanicOf;
using testing::Repeat;
using testing::RunInFiber;

using GeneratorTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, GeneratorTest, testing::kWorkerCounts);

Generator<int> Naturals(bool* ended = nullptr) {
  return Generator<int>([ended](const auto& yield) {
    for (int i = 0; yield(i); ++i) {
    }
    if (ended != nullptr) *ended = true;
  });
}

TEST_P(GeneratorTest, GivesItsValuesInOrderAndThenNothing) {
  Generator<int> g([](const auto& yield) { (void)(yield(1) && yield(2)); });
  EXPECT_EQ(g.Next(), 1);
  EXPECT_EQ(g.Next(), 2);
  EXPECT_EQ(g.Next(), std::nullopt);
  EXPECT_EQ(g.Next(), std::nullopt);
}

TEST_P(GeneratorTest, RunsOnlyWhenAsked) {
  RunInFiber([] {
    std::string trace;
    Generator<int> g([&](const auto& yield) {
      trace += "a";
      yield(1);
      trace += "b";
      yield(2);
      trace += "c";
    });
    Gosched();
    EXPECT_EQ(trace, "");
    g.Next();
    EXPECT_EQ(trace, "a");
    g.Next();
    EXPECT_EQ(trace, "ab");
    g.Next();
    EXPECT_EQ(trace, "abc");
  });
}

TEST_P(GeneratorTest, OneThatIsNeverAskedNeverRuns) {
  bool ran = false;
  {
    Generator<int> g([&](const auto&) { ran = true; });
  }
  EXPECT_FALSE(ran);
}

TEST_P(GeneratorTest, LeavingTheLoopEndsTheFunctionBeforeTheDestructorReturns) {
  RunInFiber([] {
    bool ended = false;
    {
      auto g = Naturals(&ended);
      int next = 0;
      for (int n : g) {
        EXPECT_EQ(n, next++);
        if (n == 10) break;
      }
      EXPECT_EQ(g.Next(), 11) << "goes on where the loop was";
    }
    EXPECT_TRUE(ended);
  });
}

TEST_P(GeneratorTest, StopEndsItAndYieldStaysFalse) {
  int refused = 0;
  Generator<int> g([&](const auto& yield) {
    for (int i = 0; i < 5; ++i) refused += !yield(i);
  });
  EXPECT_EQ(g.Next(), 0);
  g.Stop();
  EXPECT_EQ(refused, 5);
  EXPECT_EQ(g.Next(), std::nullopt);
  g.Stop();
}

TEST_P(GeneratorTest, WhatItThrowsComesOutOfNextOnce) {
  Generator<int> g([](const auto& yield) {
    yield(1);
    Panic("broken");
  });
  EXPECT_EQ(g.Next(), 1);
  EXPECT_EQ(PanicOf([&] { (void)g.Next(); }), "broken");
  EXPECT_EQ(g.Next(), std::nullopt);
}

TEST_P(GeneratorTest, WhatItThrowsWhenStoppedComesOutOfStop) {
  Generator<int> g([](const auto& yield) {
    if (!yield(1)) Panic("cleanup");
  });
  g.Next();
  EXPECT_EQ(PanicOf([&] { g.Stop(); }), "cleanup");
}

TEST_P(GeneratorTest, GoexitEndsIt) {
  Generator<int> g([](const auto& yield) {
    yield(1);
    Goexit();
  });
  EXPECT_EQ(g.Next(), 1);
  EXPECT_EQ(g.Next(), std::nullopt);
}

TEST_P(GeneratorTest, GeneratorsNest) {
  RunInFiber([] {
    Generator<int> squares([](const auto& yield) {
      for (int n : Naturals()) {
        if (!yield(n * n)) return;
      }
    });
    for (int n = 0; n < 5; ++n) EXPECT_EQ(squares.Next(), n * n);
  });
}

TEST_P(GeneratorTest, TheFunctionMayBlock) {
  RunInFiber([] {
    auto c = MakeChan<int>();
    Go([c] {
      for (int i = 0; i < 5; ++i) c.Send(i);
      c.Close();
    });
    Generator<int> g([&](const auto& yield) {
      for (int n : c) {
        if (!yield(-n)) return;
      }
    });
    int next = 0;
    for (int n : g) EXPECT_EQ(n, next--);
  });
}

TEST_P(GeneratorTest, MovesWhatCannotBeCopied) {
  Generator<std::unique_ptr<int>> g([](const auto& yield) { yield(std::make_unique<int>(3)); });
  EXPECT_EQ(**g.Next(), 3);
}

// Threads and fibers ask in turn; all that the function does is ordered with all that they do,
// which tsan checks.
TEST_P(GeneratorTest, AnotherMayAskEachTime) {
  int shared = 0;
  Generator<int> g([&](const auto& yield) {
    while (yield(++shared)) {
    }
  });
  const auto ask = [&] {
    const int before = shared++;
    EXPECT_EQ(g.Next(), before + 2);
  };
  for (int round = Repeat(50); round > 0; --round) {
    ask();
    RunInFiber(ask);
    std::thread(ask).join();
  }
}

}  // namespace
}  // namespace weft
