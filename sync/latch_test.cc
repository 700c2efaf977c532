#include "weft/sync/latch.h"

#include <atomic>
#include <memory>
#include <type_traits>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::Crew;
using sync_testing::LetOthersBlock;
using sync_testing::PanicOf;

static_assert(sizeof(Latch) == 24);
static_assert(!std::is_copy_constructible_v<Latch> && !std::is_move_constructible_v<Latch>);

using LatchTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, LatchTest, weft::testing::kWorkerCounts);

TEST_P(LatchTest, WaitsForTheLastCountDown) {
  constexpr int kTasks = 9;
  Latch latch(kTasks);
  int plain[kTasks] = {};
  Crew crew;
  crew.Mixed(kTasks, [&](int i) {
    plain[i] = 1;
    latch.CountDown();
  });
  crew.Mixed(4, [&](int) {
    latch.Wait();
    for (int done : plain) EXPECT_EQ(done, 1);
  });
}

TEST_P(LatchTest, NobodyPassesBeforeZero) {
  Latch latch(2);
  std::atomic<int> passed{0};
  Crew crew;
  crew.Mixed(3, [&](int) {
    latch.Wait();
    ++passed;
  });
  latch.CountDown();
  LetOthersBlock();
  EXPECT_EQ(passed, 0);
  EXPECT_FALSE(latch.TryWait());
  EXPECT_EQ(latch.Count(), 1);
  latch.CountDown();
  crew.Join();
  EXPECT_EQ(passed, 3);
}

TEST_P(LatchTest, IsOpenForEverOnceItIsZero) {
  Latch latch(0);
  latch.Wait();
  EXPECT_TRUE(latch.TryWait());
  EXPECT_TRUE(latch.WaitFor(absl::ZeroDuration()));
  latch.Wait();
}

TEST_P(LatchTest, CountsDownBySteps) {
  Latch latch(10);
  latch.CountDown(7);
  latch.CountDown(0);
  EXPECT_EQ(latch.Count(), 3);
  EXPECT_FALSE(latch.TryWait());
  latch.CountDown(3);
  EXPECT_TRUE(latch.TryWait());
}

TEST_P(LatchTest, CountingBelowZeroDoesNothing) {
  Latch latch(1);
  latch.CountDown(5);
  latch.CountDown();
  EXPECT_EQ(latch.Count(), 0);
  EXPECT_TRUE(latch.TryWait());
}

TEST_P(LatchTest, NegativeNumbersPanic) {
  EXPECT_EQ(PanicOf([] { Latch latch(-1); }), "sync: negative Latch count");
  Latch latch(1);
  EXPECT_EQ(PanicOf([&] { latch.CountDown(-1); }), "sync: negative Latch step");
}

TEST_P(LatchTest, TimedWaitGivesUp) {
  Latch latch(1);
  Crew crew;
  crew.Mixed(3, [&](int) { EXPECT_FALSE(latch.WaitFor(absl::Milliseconds(1))); });
  crew.Join();
  latch.CountDown();
  EXPECT_TRUE(latch.WaitFor(absl::InfiniteDuration()));
}

TEST_P(LatchTest, CountDownAndWaitMeets) {
  constexpr int kParties = 6;
  Latch latch(kParties);
  std::atomic<int> arrived{0};
  Crew crew;
  crew.Mixed(kParties, [&](int) {
    ++arrived;
    latch.CountDownAndWait();
    EXPECT_EQ(arrived, kParties);
  });
}

// The latch is freed by the last of its waiters while the CountDown() that reached zero may not
// have returned.
TEST_P(LatchTest, MayDieAsSoonAsTheWaitsHaveReturned) {
  const int rounds = weft::testing::Repeat(200);
  Crew crew;
  crew.Mixed(3, [rounds](int) {
    for (int round = 0; round < rounds; ++round) {
      auto latch = std::make_unique<Latch>(2);
      int plain[2] = {};
      for (int i = 0; i < 2; ++i) {
        Go([&plain, latch = latch.get(), i] {
          plain[i] = 1;
          latch->CountDown();
        });
      }
      latch->Wait();
      ASSERT_EQ(plain[0] + plain[1], 2);
    }
  });
}

}  // namespace
}  // namespace weft
