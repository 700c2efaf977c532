#include "weft/sync/once.h"

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::Crew;
using sync_testing::LetOthersBlock;
using sync_testing::PanicOf;

static_assert(sizeof(Once) <= 8);
static_assert(!std::is_copy_constructible_v<Once> && !std::is_move_constructible_v<Once>);

using OnceFuncTest = weft::testing::FiberTest;
using OnceTest = weft::testing::FiberTest;
using OnceValueTest = weft::testing::FiberTest;

TEST_F(OnceTest, RunsTheFirstFunctionOnly) {
  Once once;
  int first = 0, second = 0;
  once.Do([&] { ++first; });
  once.Do([&] { ++first; });
  once.Do([&] { ++second; });
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0);
}

TEST_F(OnceTest, OthersWaitForTheFirstToFinish) {
  Once once;
  std::atomic<int> returned{0};
  bool finished = false;
  Crew crew;
  crew.Mixed(6, [&](int) {
    once.Do([&] {
      LetOthersBlock();
      EXPECT_EQ(returned, 0);
      finished = true;
    });
    EXPECT_TRUE(finished);
    ++returned;
  });
}

TEST_F(OnceTest, AFunctionThatPanicsCountsAsDone) {
  Once once;
  EXPECT_EQ(PanicOf([&] { once.Do([] { Panic("first"); }); }), "first");
  bool ran = false;
  once.Do([&] { ran = true; });
  EXPECT_FALSE(ran);
}

TEST_F(OnceTest, APanicReleasesThoseWhoWait) {
  Once once;
  std::atomic<int> panics{0};
  Crew crew;
  crew.Mixed(4, [&](int) {
    panics += !PanicOf([&] {
                 once.Do([] {
                   LetOthersBlock();
                   Panic("first");
                 });
               }).empty();
  });
  crew.Join();
  EXPECT_EQ(panics, 1);
}

TEST_F(OnceTest, AFunctionThatCallsGoexitCountsAsDone) {
  Once once;
  Crew crew;
  crew.Fiber([&] { once.Do([] { Goexit(); }); });
  crew.Join();
  bool ran = false;
  once.Do([&] { ran = true; });
  EXPECT_FALSE(ran);
}

TEST_F(OnceTest, AnEmptyFunctionPanicsAndCountsAsDone) {
  Once once;
  EXPECT_NE(PanicOf([&] { once.Do(std::function<void()>()); }), "");
  bool ran = false;
  once.Do([&] { ran = true; });
  EXPECT_FALSE(ran);
}

TEST_F(OnceFuncTest, RunsOnceForAllCopies) {
  int calls = 0;
  auto f = OnceFunc([&] { ++calls; });
  auto g = f;
  f();
  g();
  EXPECT_EQ(calls, 1);
}

TEST_F(OnceFuncTest, EveryCallPanicsWithTheSameValue) {
  int calls = 0;
  auto f = OnceFunc([&] {
    ++calls;
    Panic("broken");
  });
  EXPECT_EQ(PanicOf(f), "broken");
  EXPECT_EQ(PanicOf(f), "broken");
  EXPECT_EQ(calls, 1);
}

TEST_F(OnceFuncTest, ReleasesTheFunctionAfterTheCall) {
  auto big = std::make_shared<int>(1);
  auto f = OnceFunc([big] {});
  EXPECT_EQ(big.use_count(), 2);
  f();
  EXPECT_EQ(big.use_count(), 1);
  f();
}

TEST_F(OnceFuncTest, ReleasesTheFunctionAfterAPanic) {
  auto big = std::make_shared<int>(1);
  auto f = OnceFunc([big] { Panic("broken"); });
  PanicOf(f);
  EXPECT_EQ(big.use_count(), 1);
}

TEST_F(OnceFuncTest, EveryCallPanicsAfterGoexit) {
  auto f = OnceFunc([] { Goexit(); });
  Crew crew;
  crew.Fiber([&] { f(); });
  crew.Join();
  EXPECT_NE(PanicOf(f), "");
}

TEST_F(OnceValueTest, ComputesOnceAndReturnsTheSameObject) {
  int calls = 0;
  auto value = OnceValue([&] {
    ++calls;
    return std::make_unique<int>(42);
  });
  EXPECT_EQ(*value(), 42);
  EXPECT_EQ(&value(), &value());
  EXPECT_EQ(calls, 1);
}

TEST_F(OnceValueTest, EveryCallThrowsTheSame) {
  auto value = OnceValue([]() -> int { throw std::runtime_error("no value"); });
  for (int i = 0; i < 2; ++i) {
    try {
      value();
      FAIL();
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "no value");
    }
  }
}

TEST_F(OnceValueTest, APairServesForTwoValues) {
  auto values = OnceValue([] { return std::make_pair(1, std::string("one")); });
  const auto& [number, name] = values();
  EXPECT_EQ(number, 1);
  EXPECT_EQ(name, "one");
}

using OnceStressTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, OnceStressTest, weft::testing::kWorkerCounts);

TEST_P(OnceStressTest, ExactlyOneRunsAndAllSeeItsWrites) {
  for (int round = 0; round < 200; ++round) {
    Once once;
    int plain = 0;
    Crew crew;
    crew.Mixed(4, [&](int) {
      once.Do([&] { ++plain; });
      ASSERT_EQ(plain, 1);
    });
  }
}

}  // namespace
}  // namespace weft
