#include "weft/sched/internal/steal_patience.h"

#include "gtest/gtest.h"

namespace weft::sched_internal {
namespace {

constexpr int64_t kWorth = StealPatience::kWorthwhileNs;

// How long a thief waits that steals at once and is busy for `busy_ns`.
int64_t WaitAfter(StealPatience& patience, int64_t busy_ns) {
  patience.Stole(1'000'000);
  const int64_t now = 1'000'000 + busy_ns;
  return patience.Judge(now) - now;
}

TEST(StealPatienceTest, WhoHasNotStolenIsNotJudged) {
  StealPatience patience;
  EXPECT_FALSE(patience.HasStolen());
  patience.Stole(5);
  EXPECT_TRUE(patience.HasStolen());
  patience.Judge(6);
  EXPECT_FALSE(patience.HasStolen());
}

TEST(StealPatienceTest, WaitsLongerEachTimeThatItWasNotWorthIt) {
  StealPatience patience;
  int64_t former = 0;
  for (int i = 0; i < 4; ++i) {
    const int64_t wait = WaitAfter(patience, kWorth - 1);
    EXPECT_GT(wait, former);
    former = wait;
  }
}

TEST(StealPatienceTest, NeverWaitsForLong) {
  StealPatience patience;
  for (int i = 0; i < 100; ++i) EXPECT_LE(WaitAfter(patience, 0), StealPatience::kMostNs);
  EXPECT_EQ(WaitAfter(patience, 0), StealPatience::kMostNs);
}

TEST(StealPatienceTest, BootyThatLastedIsForgivenEverything) {
  StealPatience patience;
  for (int i = 0; i < 100; ++i) WaitAfter(patience, 0);
  EXPECT_EQ(WaitAfter(patience, kWorth), 0);
  EXPECT_LT(WaitAfter(patience, 0), StealPatience::kMostNs);
}

}  // namespace
}  // namespace weft::sched_internal
