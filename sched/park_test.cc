#include "weft/sched/park.h"

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using testing::RunInFiber;

class ParkTest : public testing::WorkerTest {};
INSTANTIATE_TEST_SUITE_P(Workers, ParkTest, testing::kWorkerCounts);

TEST_P(ParkTest, ReadyBeforeParkIsRemembered) {
  Ready(CurrentParkable());
  Park(WaitReason::kForever);
  RunInFiber([] {
    Ready(CurrentParkable());
    Park(WaitReason::kForever);
  });
}

TEST_P(ParkTest, InFiberTellsFibersFromThreads) {
  EXPECT_FALSE(InFiber());
  RunInFiber([] { EXPECT_TRUE(InFiber()); });
}

TEST_P(ParkTest, CurrentParkableStaysTheSame) {
  Parkable* const thread = CurrentParkable();
  EXPECT_EQ(CurrentParkable(), thread);
  RunInFiber([thread] {
    Parkable* const self = CurrentParkable();
    EXPECT_NE(self, thread);
    for (int i = 0; i < 100; ++i) {
      Gosched();
      ASSERT_EQ(CurrentParkable(), self);
    }
  });
}

// Every pairing of a waker and a sleeper hands over a plain variable: TSan sees that Ready()
// synchronizes with Park().
struct Relay {
  std::atomic<Parkable*> players[2] = {};
  int ball = 0;

  void Play(int me, int hits) {
    players[me] = CurrentParkable();
    while (players[1 - me] == nullptr) Gosched();
    for (int i = 0; i < hits; ++i) {
      if (me == 0 || i > 0) {
        if (!(me == 0 && i == 0)) Park(WaitReason::kForever);
      } else {
        Park(WaitReason::kForever);
      }
      ++ball;
      Ready(players[1 - me]);
    }
  }
  // Player 0 is readied once more than it parks.
  void Finish() { Park(WaitReason::kForever); }
};

TEST_P(ParkTest, FibersPassABall) {
  const int hits = testing::Repeat(20'000);
  RunInFiber([hits] {
    Relay relay;
    Parkable* const self = CurrentParkable();
    std::atomic<int> left{2};
    const auto end = [&] {
      if (left.fetch_sub(1) == 1) Ready(self);
    };
    Go([&] {
      relay.Play(0, hits);
      relay.Finish();
      end();
    });
    Go([&] {
      relay.Play(1, hits);
      end();
    });
    Park(WaitReason::kForever);
    EXPECT_EQ(relay.ball, 2 * hits);
  });
}

TEST_P(ParkTest, FiberAndThreadPassABall) {
  const int hits = testing::Repeat(2'000);
  Relay relay;
  std::thread thread([&] {
    relay.Play(0, hits);
    relay.Finish();
  });
  RunInFiber([&] { relay.Play(1, hits); });
  thread.join();
  EXPECT_EQ(relay.ball, 2 * hits);
}

TEST_P(ParkTest, ThreadsPassABall) {
  const int hits = testing::Repeat(2'000);
  Relay relay;
  std::thread thread([&] {
    relay.Play(0, hits);
    relay.Finish();
  });
  relay.Play(1, hits);
  thread.join();
  EXPECT_EQ(relay.ball, 2 * hits);
}

// The window between publication and Park(): the waker is as fast as it can be.
TEST_P(ParkTest, ReadyRacesWithPark) {
  const int rounds = testing::Repeat(20'000);
  RunInFiber([rounds] {
    Parkable* const self = CurrentParkable();
    std::atomic<Parkable*> published{nullptr};
    std::atomic<bool> stop{false};
    Go([&] {
      while (!stop) {
        if (Parkable* waiter = published.exchange(nullptr)) {
          Ready(waiter);
        } else {
          Gosched();
        }
      }
      Ready(self);
    });
    for (int i = 0; i < rounds; ++i) {
      published = self;
      if (i % 3 == 0) Gosched();
      Park(WaitReason::kForever);
    }
    stop = true;
    Park(WaitReason::kForever);
  });
}

TEST_P(ParkTest, ReadyLastWakesAllOfManyInOrder) {
  RunInFiber([] {
    constexpr int kFibers = 100;
    std::vector<Parkable*> parked;
    std::atomic<int> ended{0};
    std::vector<int> order(kFibers, -1);
    std::atomic<int> next{0};
    for (int i = 0; i < kFibers; ++i) {
      std::atomic<Parkable*> fiber{nullptr};
      Go([&, i] {
        fiber = CurrentParkable();
        Park(WaitReason::kForever);
        order[next.fetch_add(1)] = i;
        ended.fetch_add(1);
      });
      Parkable* seen;
      while ((seen = fiber.load()) == nullptr) Gosched();
      parked.push_back(seen);
    }
    for (Parkable* fiber : parked) ReadyLast(fiber);
    while (ended.load() < kFibers) Gosched();
    if (GOMAXPROCS(0) > 1) return;
    for (int i = 0; i < kFibers; ++i) ASSERT_EQ(order[i], i);
  });
}

TEST(WaitReasonTest, TextsAreUniqueAndGos) {
  std::set<std::string> texts;
  int count = 0;
  for (int i = 0; i <= static_cast<int>(WaitReason::kForever); ++i, ++count) {
    texts.insert(std::string(WaitReasonText(static_cast<WaitReason>(i))));
  }
  EXPECT_EQ(texts.size(), count);
  EXPECT_EQ(WaitReasonText(WaitReason::kChanReceiveNil), "chan receive (nil chan)");
  EXPECT_EQ(WaitReasonText(WaitReason::kSelectNoCases), "select (no cases)");
  EXPECT_EQ(WaitReasonText(WaitReason::kSyncWaitGroupWait), "sync.WaitGroup.Wait");
  EXPECT_EQ(WaitReasonText(WaitReason::kSyncMonitorWait), "sync.Monitor.Wait");
}

}  // namespace
}  // namespace weft
