#include "weft/sync/event.h"

#include <atomic>
#include <memory>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/mutex.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::Crew;
using sync_testing::LetOthersBlock;

static_assert(sizeof(Event) == 16);
static_assert(!std::is_copy_constructible_v<Event> && !std::is_move_constructible_v<Event>);

using EventTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, EventTest, weft::testing::kWorkerCounts);

TEST_P(EventTest, ManualLetsEverybodyThroughUntilReset) {
  Event event(EventReset::kManual);
  int plain = 0;
  Crew crew;
  crew.Mixed(5, [&](int) {
    event.Wait();
    EXPECT_EQ(plain, 1);
  });
  plain = 1;
  event.Set();
  crew.Join();
  event.Wait();
  EXPECT_TRUE(event.TryWait());
  event.Reset();
  EXPECT_FALSE(event.TryWait());
  EXPECT_FALSE(event.WaitFor(absl::Milliseconds(1)));
}

TEST_P(EventTest, AutoLetsOneThrough) {
  Event event(EventReset::kAuto);
  std::atomic<int> passed{0};
  Crew crew;
  crew.Mixed(4, [&](int) {
    event.Wait();
    ++passed;
  });
  for (int i = 1; i <= 4; ++i) {
    event.Set();
    while (passed < i) Gosched();
    LetOthersBlock();
    EXPECT_EQ(passed, i);
  }
  EXPECT_FALSE(event.IsSet());
}

TEST_P(EventTest, AutoIsRememberedOnceIfNobodyWaits) {
  Event event(EventReset::kAuto, /*set=*/true);
  event.Set();
  event.Set();
  EXPECT_TRUE(event.IsSet());
  event.Wait();
  EXPECT_FALSE(event.TryWait());
}

// Four fibers that wait for an auto-reset event, in this order, on one worker. One that is
// preempted just before it waits spoils the round that a test makes of them, so tests count good
// rounds: a wrong implementation has none.
struct Queue {
  Queue() {
    for (int i = 0; i < 4; ++i) {
      std::atomic<bool> waits{false};
      crew.Fiber([this, &waits, i] {
        waits = true;
        event.Wait();
        MutexLock lock(mutex);
        order.push_back(i);
      });
      while (!waits) Gosched();
    }
  }
  ~Queue() {
    while (Order().size() < 4) {
      event.Set();
      Gosched();
    }
  }

  std::vector<int> Order() {
    MutexLock lock(mutex);
    return order;
  }

  Event event{EventReset::kAuto};
  Mutex mutex;
  std::vector<int> order;
  Crew crew;
};

// A call does not leave the event set for its waiter to find: then the next would be lost.
TEST_P(EventTest, AutoSetsInARowReleaseAsMany) {
  int good_rounds = 0;
  GOMAXPROCS(1);
  weft::testing::RunInFiber([&] {
    for (int round = 0; round < 20; ++round) {
      Queue queue;
      for (int i = 0; i < 4; ++i) queue.event.Set();
      good_rounds += !queue.event.IsSet();
    }
  });
  EXPECT_GT(good_rounds, 0);
}

TEST_P(EventTest, AutoReleasesTheOneWhoWaitedLongest) {
  int good_rounds = 0;
  GOMAXPROCS(1);
  weft::testing::RunInFiber([&] {
    for (int round = 0; round < 20; ++round) {
      Queue queue;
      for (size_t i = 0; i < 4; ++i) {
        queue.event.Set();
        while (queue.Order().size() <= i) Gosched();
      }
      good_rounds += queue.Order() == std::vector<int>{0, 1, 2, 3};
    }
  });
  EXPECT_GT(good_rounds, 0);
}

TEST_P(EventTest, TimedWaitGivesUpAndTakesNothing) {
  Event event(EventReset::kAuto);
  Crew crew;
  crew.Mixed(6, [&](int) { EXPECT_FALSE(event.WaitFor(absl::Microseconds(300))); });
  crew.Join();
  event.Set();
  EXPECT_TRUE(event.WaitFor(absl::ZeroDuration()));
  EXPECT_FALSE(event.WaitFor(absl::ZeroDuration()));
}

// Each Set() that is waited for passes one and only one token, however the deadlines fall.
TEST_P(EventTest, AutoLosesNoTokenToADeadline) {
  const int tokens = weft::testing::Repeat(300);
  Event full(EventReset::kAuto);
  Event empty(EventReset::kAuto, /*set=*/true);
  std::atomic<int> taken{0};
  std::atomic<bool> over{false};
  int plain = 0;
  Crew crew;
  crew.Mixed(4, [&](int i) {
    while (!over) {
      if (!full.WaitFor(absl::Microseconds(20 + 30 * i))) continue;
      EXPECT_EQ(plain, 1);
      plain = 0;
      ++taken;
      empty.Set();
    }
  });
  for (int i = 0; i < tokens; ++i) {
    empty.Wait();
    EXPECT_EQ(plain, 0);
    plain = 1;
    full.Set();
  }
  empty.Wait();
  over = true;
  EXPECT_EQ(taken, tokens);
}

TEST_P(EventTest, MayDieAsSoonAsTheWaitHasReturned) {
  const int rounds = weft::testing::Repeat(200);
  Crew crew;
  crew.Mixed(4, [rounds](int i) {
    for (int round = 0; round < rounds; ++round) {
      auto event = std::make_unique<Event>(i % 2 ? EventReset::kAuto : EventReset::kManual);
      Go([event = event.get()] { event->Set(); });
      event->Wait();
    }
  });
}

}  // namespace
}  // namespace weft
