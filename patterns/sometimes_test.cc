#include "weft/patterns/sometimes.h"

#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using SometimesTest = weft::testing::FiberTest;

// The numbers of the calls, of ten, that run.
std::vector<int> Ran(Sometimes::When when) {
  Sometimes sometimes(when);
  std::vector<int> ran;
  for (int i = 0; i < 10; ++i) sometimes.Do([&] { ran.push_back(i); });
  return ran;
}

TEST_F(SometimesTest, ZeroRunsExactlyOnce) { EXPECT_EQ(Ran({}), (std::vector<int>{0})); }

TEST_F(SometimesTest, First) { EXPECT_EQ(Ran({.first = 3}), (std::vector<int>{0, 1, 2})); }

TEST_F(SometimesTest, Every) {
  EXPECT_EQ(Ran({.every = 4}), (std::vector<int>{0, 4, 8}));
  EXPECT_EQ(Ran({.every = 1}).size(), 10u);
}

TEST_F(SometimesTest, FirstOrEvery) {
  EXPECT_EQ(Ran({.first = 2, .every = 5}), (std::vector<int>{0, 1, 5}));
}

TEST_F(SometimesTest, AnIntervalThatIsNotOverDoesNotRun) {
  EXPECT_EQ(Ran({.interval = absl::Hours(1)}), (std::vector<int>{0}));
}

TEST_F(SometimesTest, AnIntervalThatIsOverRuns) {
  Sometimes sometimes({.interval = absl::Nanoseconds(1)});
  int ran = 0;
  sometimes.Do([&] { ++ran; });
  Sleep(absl::Microseconds(1));
  sometimes.Do([&] { ++ran; });
  EXPECT_EQ(ran, 2);
}

TEST_F(SometimesTest, APanicDoesNotCount) {
  Sometimes sometimes;
  EXPECT_THROW(sometimes.Do([] { Panic("boom"); }), PanicError);
  int ran = 0;
  sometimes.Do([&] { ++ran; });
  sometimes.Do([&] { ++ran; });
  EXPECT_EQ(ran, 1);
}

TEST_F(SometimesTest, CallsAreOneAfterTheOther) {
  Sometimes sometimes({.every = 1});
  int plain = 0;
  WaitGroup wg;
  for (int f = 0; f < 10; ++f) {
    wg.Go([&] {
      for (int i = 0; i < 100; ++i) sometimes.Do([&] { ++plain; });
    });
  }
  wg.Wait();
  EXPECT_EQ(plain, 1000);
}

}  // namespace
}  // namespace weft
