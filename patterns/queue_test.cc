#include "weft/patterns/queue.h"

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/internal/test_util.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using testing::Repeat;
using testing::RunInFiber;

using QueueTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, QueueTest, testing::kWorkerCounts);

TEST_P(QueueTest, GivesTheOldestFirst) {
  Queue<int> q;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(q.Push(i));
  EXPECT_EQ(q.len(), 1000);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(*q.Pop(Background()), i);
  EXPECT_EQ(q.TryPop(), std::nullopt);
}

TEST_P(QueueTest, MovesWhatCannotBeCopied) {
  Queue<std::unique_ptr<int>> q;
  q.Push(std::make_unique<int>(7));
  EXPECT_EQ(**q.Pop(Background()), 7);
}

TEST_P(QueueTest, PopWaitsForAPush) {
  RunInFiber([] {
    Queue<int> q;
    Group group;
    group.Go([&] { EXPECT_EQ(*q.Pop(Background()), 1); });
    Gosched();
    q.Push(1);
    group.Wait();
  });
}

TEST_P(QueueTest, CloseEndsPushNotPop) {
  Queue<int> q;
  q.Push(1);
  EXPECT_TRUE(q.Close());
  EXPECT_FALSE(q.Close());
  EXPECT_FALSE(q.Push(2));
  EXPECT_EQ(*q.Pop(Background()), 1);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(q.Pop(Background()).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(q.TryPop(), std::nullopt);
}

TEST_P(QueueTest, CloseEndsEveryWait) {
  RunInFiber([] {
    Queue<int> q;
    Group group;
    for (int i = 0; i < 5; ++i) {
      group.Go(
          [&] { EXPECT_EQ(q.Pop(Background()).status().code(), absl::StatusCode::kOutOfRange); });
    }
    Gosched();
    q.Close();
    group.Wait();
  });
}

TEST_P(QueueTest, TheContextEndsTheWaitAndTakesNothing) {
  RunInFiber([] {
    Queue<int> q;
    auto [ctx, cancel] = WithCancel(Background());
    Group group;
    group.Go(
        [&, ctx = ctx] { EXPECT_EQ(q.Pop(ctx).status().code(), absl::StatusCode::kCancelled); });
    Gosched();
    cancel();
    group.Wait();
    q.Push(1);
    EXPECT_EQ(q.Pop(ctx).status().code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(*q.Pop(Background()), 1);
  });
}

// Contexts end while values come and the queue closes: each value goes to exactly one.
TEST_P(QueueTest, EveryValueGoesToOne) {
  for (int round = Repeat(50); round > 0; --round) {
    constexpr int kValues = 400;
    Queue<int> q;
    std::vector<std::atomic<int>> taken(kValues);
    Group group;
    for (int c = 0; c < 4; ++c) {
      group.Go([&, c] {
        for (int i = 0;; ++i) {
          auto [ctx, cancel] = WithCancel(Background());
          if ((i + c) % 5 == 0) weft::Go([cancel = cancel] { cancel(); });
          auto value = q.Pop(ctx);
          if (value.ok()) ++taken[*value];
          if (absl::IsOutOfRange(value.status())) return;
          if (auto more = q.TryPop()) ++taken[*more];
        }
      });
    }
    Group producers;
    for (int p = 0; p < 4; ++p) {
      producers.Go([&, p] {
        for (int n = p; n < kValues; n += 4) q.Push(n);
      });
    }
    producers.Wait();
    q.Close();
    group.Wait();
    for (int n = 0; n < kValues; ++n) EXPECT_EQ(taken[n], 1) << n;
  }
}

}  // namespace
}  // namespace weft
