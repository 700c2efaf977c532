// Trees that grow, end and are forgotten at the same time, from fibers, threads and timers.
#include <atomic>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::Crew;
using ContextStressTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, ContextStressTest, weft::testing::kWorkerCounts);

// Go's rule in both directions, whoever looks and whoever cancels.
void CheckErrAndDoneAgree(const Context& ctx) {
  if (!ctx.Err().ok()) {
    ASSERT_TRUE(ctx.Done().TryRecv().closed());
    ASSERT_FALSE(Cause(ctx).ok());
  }
  if (ctx.Done().TryRecv().closed()) {
    ASSERT_FALSE(ctx.Err().ok());
  }
}

TEST_P(ContextStressTest, TreesGrowAndEndAtTheSameTime) {
  const int rounds = weft::testing::Repeat(150);
  for (int round = 0; round < rounds; ++round) {
    auto [root, cancel] = WithCancel(Background());
    Crew crew;
    crew.Mixed(5, [&root = root, &cancel = cancel, round](int id) {
      std::mt19937 random(static_cast<unsigned>(round * 10 + id));
      std::vector<std::pair<Context, CancelFunc>> mine;
      Context at = root;
      for (int i = 0; i < 20; ++i) {
        switch (random() % 6) {
          case 0:
            mine.push_back(WithTimeout(at, absl::Microseconds(random() % 200)));
            break;
          case 1:
            mine.push_back(WithCancel(at));
            break;
          case 2:
            at = mine.empty() ? root : mine[random() % mine.size()].first;
            break;
          case 3:
            if (!mine.empty()) mine[random() % mine.size()].second();
            break;
          case 4:
            if (!mine.empty()) mine.erase(mine.begin() + static_cast<long>(random() % mine.size()));
            break;
          default:
            CheckErrAndDoneAgree(at);
        }
        if (id == 0 && i == 12) cancel();
      }
    });
    crew.Join();
    ASSERT_FALSE(root.Err().ok());
  }
}

TEST_P(ContextStressTest, AfterFuncRunsOrIsStoppedNeverBoth) {
  const int rounds = weft::testing::Repeat(300);
  for (int round = 0; round < rounds; ++round) {
    auto [ctx, cancel] = WithCancel(Background());
    std::atomic<int> ran{0}, stopped{0};
    {
      Crew crew;
      crew.Mixed(3, [&, &ctx = ctx, &cancel = cancel](int id) {
        StopFunc stop = AfterFunc(ctx, [&] { ++ran; });
        if (id == 0) cancel();
        stopped += stop();
      });
    }
    cancel();
    ASSERT_TRUE(weft::testing::WaitForNoFibers());
    ASSERT_EQ(ran + stopped, 3);
  }
}

TEST_P(ContextStressTest, WaitersOfASemaphoreAgainstDeadlines) {
  Semaphore s(2);
  const int rounds = weft::testing::Repeat(200);
  {
    Crew crew;
    crew.Mixed(6, [&](int id) {
      for (int i = 0; i < rounds; ++i) {
        auto [ctx, cancel] = WithTimeout(Background(), absl::Microseconds((id * 31 + i * 7) % 150));
        if (!s.Acquire(ctx, 1 + i % 2).ok()) continue;
        if (i % 8 == 0) Gosched();
        s.Release(1 + i % 2);
      }
    });
  }
  EXPECT_TRUE(s.TryAcquire(2));
  s.Release(2);
}

// The only reference goes while the deadline fires.
TEST_P(ContextStressTest, AContextIsForgottenWhileItsTimerFires) {
  const int rounds = weft::testing::Repeat(500);
  Crew crew;
  crew.Mixed(3, [&](int id) {
    for (int i = 0; i < rounds; ++i) {
      auto [parent, cancel] = WithTimeout(Background(), absl::Microseconds(60 + (i + id) % 40));
      std::vector<Context> children;
      for (int c = 0; c < 3; ++c) children.push_back(WithCancel(parent).first);
      RecvChan<Empty> done = children[0].Done();
      if (i % 3 == 0) Gosched();
      if (i % 5 == 0) done.Recv();
    }
  });
}

}  // namespace
}  // namespace weft
