#include "weft/sync/barrier.h"

#include <atomic>
#include <stdexcept>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/event.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::Crew;
using sync_testing::PanicOf;

static_assert(sizeof(Barrier) == 112);
static_assert(!std::is_copy_constructible_v<Barrier> && !std::is_move_constructible_v<Barrier>);

void AwaitWaiting(const Barrier& barrier, int n) {
  while (barrier.NumberWaiting() != n) Gosched();
}

using BarrierTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, BarrierTest, weft::testing::kWorkerCounts);

// plain[] is written without a lock in each round, and read by all in the next.
TEST_P(BarrierTest, SeparatesTheRounds) {
  constexpr int kParties = 6;
  const int rounds = weft::testing::Repeat(100);
  Barrier barrier(kParties);
  int plain[kParties] = {};
  Crew crew;
  crew.Mixed(kParties, [&](int i) {
    for (int round = 1; round <= rounds; ++round) {
      plain[i] = round;
      ASSERT_TRUE(barrier.ArriveAndWait().ok());
      for (int value : plain) EXPECT_EQ(value, round);
      ASSERT_TRUE(barrier.ArriveAndWait().ok());
    }
  });
}

TEST_P(BarrierTest, TheActionRunsOnceARoundBeforeAnybodyLeaves) {
  constexpr int kParties = 5;
  const int rounds = weft::testing::Repeat(100);
  int actions = 0;
  Barrier barrier(kParties, [&] {
    ++actions;
    Gosched();
  });
  Crew crew;
  crew.Mixed(kParties, [&](int) {
    for (int round = 1; round <= rounds; ++round) {
      ASSERT_TRUE(barrier.ArriveAndWait().ok());
      EXPECT_EQ(actions, round);
      ASSERT_TRUE(barrier.ArriveAndWait().ok());
      EXPECT_EQ(actions, ++round);
    }
  });
}

TEST_P(BarrierTest, IndicesCountDownInTheOrderOfArrival) {
  Barrier barrier(3);
  Crew crew;
  crew.Fiber([&] { EXPECT_EQ(*barrier.ArriveAndWait(), 2); });
  AwaitWaiting(barrier, 1);
  crew.Thread([&] { EXPECT_EQ(*barrier.ArriveAndWait(), 1); });
  AwaitWaiting(barrier, 2);
  EXPECT_EQ(*barrier.ArriveAndWaitFor(absl::ZeroDuration()), 0);
  EXPECT_EQ(barrier.NumberWaiting(), 0);
}

TEST_P(BarrierTest, OnePartyNeverWaits) {
  int actions = 0;
  Barrier barrier(1, [&] { ++actions; });
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(*barrier.ArriveAndWait(), 0);
    EXPECT_EQ(actions, i);
  }
}

TEST_P(BarrierTest, FewerThanOnePartyPanics) {
  EXPECT_EQ(PanicOf([] { Barrier barrier(0); }), "sync: a Barrier needs a party");
}

TEST_P(BarrierTest, ATimeoutBreaksItForAll) {
  Barrier barrier(4);
  Crew crew;
  crew.Fiber([&] { EXPECT_TRUE(absl::IsAborted(barrier.ArriveAndWait().status())); });
  crew.Thread([&] {
    EXPECT_TRUE(absl::IsAborted(barrier.ArriveAndWaitFor(absl::InfiniteDuration()).status()));
  });
  AwaitWaiting(barrier, 2);
  EXPECT_TRUE(absl::IsDeadlineExceeded(barrier.ArriveAndWaitFor(absl::Milliseconds(1)).status()));
  EXPECT_TRUE(barrier.IsBroken());
  EXPECT_TRUE(absl::IsAborted(barrier.ArriveAndWait().status()));
  crew.Join();
  EXPECT_EQ(barrier.NumberWaiting(), 0);
}

TEST_P(BarrierTest, ResetBreaksItForThoseWhoWaitAndMendsIt) {
  Barrier barrier(3);
  {
    Crew crew;
    crew.Mixed(2, [&](int) { EXPECT_TRUE(absl::IsAborted(barrier.ArriveAndWait().status())); });
    AwaitWaiting(barrier, 2);
    barrier.Reset();
  }
  EXPECT_FALSE(barrier.IsBroken());
  Crew crew;
  crew.Mixed(3, [&](int) { EXPECT_TRUE(barrier.ArriveAndWait().ok()); });
}

TEST_P(BarrierTest, AnExceptionOfTheActionBreaksItAndComesOutOfTheLastArrival) {
  bool fail = true;
  Barrier barrier(3, [&] {
    if (fail) throw std::runtime_error("no");
  });
  {
    Crew crew;
    crew.Mixed(2, [&](int) { EXPECT_TRUE(absl::IsAborted(barrier.ArriveAndWait().status())); });
    AwaitWaiting(barrier, 2);
    EXPECT_THROW(barrier.ArriveAndWait().IgnoreError(), std::runtime_error);
  }
  EXPECT_TRUE(barrier.IsBroken());
  fail = false;
  barrier.Reset();
  Crew crew;
  crew.Mixed(3, [&](int) { EXPECT_TRUE(barrier.ArriveAndWait().ok()); });
}

TEST_P(BarrierTest, GoexitInTheActionBreaksIt) {
  Barrier barrier(2, [] { Goexit(); });
  Crew crew;
  crew.Thread([&] { EXPECT_TRUE(absl::IsAborted(barrier.ArriveAndWait().status())); });
  AwaitWaiting(barrier, 1);
  crew.Fiber([&] {
    barrier.ArriveAndWait().IgnoreError();
    ADD_FAILURE() << "Goexit returned";
  });
}

TEST_P(BarrierTest, TheActionMayLookAtTheBarrierAndResetIt) {
  Barrier* self = nullptr;
  Barrier barrier(2, [&] {
    EXPECT_EQ(self->NumberWaiting(), 2);
    EXPECT_FALSE(self->IsBroken());
    self->Reset();
  });
  self = &barrier;
  Crew crew;
  crew.Fiber([&] { EXPECT_TRUE(absl::IsAborted(barrier.ArriveAndWait().status())); });
  AwaitWaiting(barrier, 1);
  EXPECT_EQ(*barrier.ArriveAndWait(), 0);
  EXPECT_FALSE(barrier.IsBroken());
}

// The first one's time runs out while the action runs. Everybody came in time, so nothing breaks.
TEST_P(BarrierTest, ATimeoutDuringTheActionIsNone) {
  Event acting(EventReset::kManual), go_on(EventReset::kManual);
  Barrier barrier(2, [&] {
    acting.Set();
    go_on.Wait();
  });
  absl::Status outcome = absl::UnknownError("");
  Crew crew;
  crew.Fiber([&] { outcome = barrier.ArriveAndWaitFor(absl::Milliseconds(20)).status(); });
  AwaitWaiting(barrier, 1);
  crew.Fiber([&] { barrier.ArriveAndWait().IgnoreError(); });
  // If the machine was too slow, the time ran out before the second arrived: then there is no
  // action.
  if (acting.WaitFor(absl::Milliseconds(60))) {
    Sleep(absl::Milliseconds(30));
    go_on.Set();
    crew.Join();
    EXPECT_TRUE(outcome.ok()) << outcome;
  } else {
    go_on.Set();
    barrier.Reset();
  }
}

TEST_P(BarrierTest, WhoArrivesDuringTheActionBelongsToTheNextRound) {
  Event acting(EventReset::kManual), go_on(EventReset::kManual);
  int actions = 0;
  Barrier barrier(2, [&] {
    ++actions;
    acting.Set();
    go_on.Wait();
  });
  Crew crew;
  crew.Mixed(2, [&](int) { EXPECT_TRUE(barrier.ArriveAndWait().ok()); });
  acting.Wait();
  std::atomic<int> passed{0};
  crew.Mixed(2, [&](int) {
    EXPECT_TRUE(barrier.ArriveAndWait().ok());
    ++passed;
  });
  sync_testing::LetOthersBlock();
  EXPECT_EQ(passed, 0);
  go_on.Set();
  crew.Join();
  EXPECT_EQ(actions, 2);
}

TEST_P(BarrierTest, AResetDuringTheActionBreaksNothing) {
  Event acting(EventReset::kManual), go_on(EventReset::kManual);
  Barrier barrier(2, [&] {
    acting.Set();
    go_on.Wait();
  });
  Crew crew;
  crew.Mixed(2, [&](int) { EXPECT_TRUE(barrier.ArriveAndWait().ok()); });
  acting.Wait();
  crew.Fiber([&] { barrier.Reset(); });
  sync_testing::LetOthersBlock();
  go_on.Set();
}

// Impatient parties, resets and whole rounds in any order: whoever gets an index shares its round
// with one of each.
TEST_P(BarrierTest, SurvivesTimeoutsAndResets) {
  constexpr int kParties = 4;
  const int rounds = weft::testing::Repeat(200);
  std::atomic<int> trips{0}, indices{0}, tired{0};
  Barrier barrier(kParties, [&] { ++trips; });
  Crew crew;
  crew.Mixed(kParties, [&](int i) {
    for (int round = 0; round < rounds; ++round) {
      const absl::StatusOr<int> index = barrier.ArriveAndWaitFor(absl::Microseconds(50 + 100 * i));
      if (index.ok()) ++indices;
    }
    ++tired;
  });
  crew.Fiber([&] {
    while (tired < kParties) {
      barrier.Reset();
      Gosched();
    }
  });
  crew.Join();
  EXPECT_EQ(indices, trips * kParties);
}

}  // namespace
}  // namespace weft
