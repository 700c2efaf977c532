#include "weft/sync/semaphore.h"

#include <atomic>
#include <memory>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/mutex.h"
#include "weft/sync/testing/cancel_source.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::CancelSource;
using sync_testing::Crew;
using sync_testing::LetOthersBlock;
using sync_testing::PanicOf;

static_assert(sizeof(Semaphore) == 24);
static_assert(!std::is_copy_constructible_v<Semaphore> && !std::is_move_constructible_v<Semaphore>);

using SemaphoreTest = weft::testing::FiberTest;

TEST_F(SemaphoreTest, TryAcquireTakesWhatIsThere) {
  Semaphore s(3);
  EXPECT_TRUE(s.TryAcquire(2));
  EXPECT_FALSE(s.TryAcquire(2));
  EXPECT_TRUE(s.TryAcquire(1));
  EXPECT_TRUE(s.TryAcquire(0));
  s.Release(3);
  EXPECT_TRUE(s.TryAcquire(3));
  s.Release(3);
}

TEST_F(SemaphoreTest, ReleasingMoreThanIsHeldPanics) {
  Semaphore s(2);
  EXPECT_EQ(PanicOf([&] { s.Release(); }), "semaphore: released more than held");
  s.Acquire(1);
  EXPECT_EQ(PanicOf([&] { s.Release(2); }), "semaphore: released more than held");
  s.Release();
}

TEST_F(SemaphoreTest, ANegativeWeightPanics) {
  Semaphore s(2);
  EXPECT_NE(PanicOf([&] { s.Acquire(-1); }), "");
  EXPECT_NE(PanicOf([&] { s.Release(-1); }), "");
}

TEST_F(SemaphoreTest, ReleaseLetsAWaiterIn) {
  Semaphore s(1);
  s.Acquire();
  std::atomic<bool> in{false};
  Crew crew;
  crew.Fiber([&] {
    s.Acquire();
    in = true;
    s.Release();
  });
  LetOthersBlock();
  EXPECT_FALSE(in);
  s.Release();
}

// Go's TestLargeAcquireDoesntStarve, and the reason for strict order.
TEST_F(SemaphoreTest, ALargeRequestAtTheFrontKeepsSmallOnesWaiting) {
  Semaphore s(4);
  s.Acquire(2);
  std::vector<char> order;
  Mutex mu;
  auto take = [&](int64_t n, char name) {
    s.Acquire(n);
    {
      MutexLock lock(mu);
      order.push_back(name);
    }
    s.Release(n);
  };
  Crew crew;
  crew.Fiber([&] { take(4, 'L'); });
  LetOthersBlock();
  crew.Fiber([&] { take(1, 's'); });
  LetOthersBlock();
  EXPECT_FALSE(s.TryAcquire(1)) << "two permits are free, but somebody waits";
  s.Release(2);
  crew.Join();
  EXPECT_EQ(order, (std::vector<char>{'L', 's'}));
}

TEST_F(SemaphoreTest, ALargeRequestIsNotStarvedBySmallOnes) {
  Semaphore s(8);
  std::atomic<bool> stop{false};
  Crew crew;
  crew.Mixed(8, [&](int) {
    while (!stop) {
      s.Acquire();
      Gosched();
      s.Release();
    }
  });
  for (int i = 0; i < 3; ++i) {
    s.Acquire(8);
    s.Release(8);
  }
  stop = true;
}

TEST_F(SemaphoreTest, AcquireFailsWhenTheContextEnds) {
  Semaphore s(1);
  s.Acquire();
  CancelSource ctx;
  Crew crew;
  crew.Fiber([&] { EXPECT_EQ(s.Acquire(ctx), absl::CancelledError("context canceled")); });
  LetOthersBlock();
  ctx.Cancel();
  crew.Join();
  s.Release();
  EXPECT_TRUE(s.TryAcquire());
  s.Release();
}

TEST_F(SemaphoreTest, AContextThatHasEndedGetsNothingEvenIfThereIsEnough) {
  Semaphore s(1);
  CancelSource ctx;
  ctx.Cancel();
  EXPECT_FALSE(s.Acquire(ctx).ok());
  EXPECT_TRUE(s.TryAcquire());
  s.Release();
}

TEST_F(SemaphoreTest, ARequestBeyondTheSizeWaitsForTheContextAndBlocksNobody) {
  Semaphore s(2);
  CancelSource ctx;
  Crew crew;
  crew.Fiber([&] { EXPECT_FALSE(s.Acquire(ctx, 3).ok()); });
  LetOthersBlock();
  EXPECT_TRUE(s.TryAcquire(2));
  s.Release(2);
  ctx.Cancel();
}

// Go issue 29721 in our words: the front gives up, and what was enough for the second is there
// already.
TEST_F(SemaphoreTest, ACancelledFrontLetsTheNextIn) {
  Semaphore s(2);
  s.Acquire(1);
  CancelSource ctx;
  Crew crew;
  crew.Fiber([&] { EXPECT_FALSE(s.Acquire(ctx, 2).ok()); });
  LetOthersBlock();
  std::atomic<bool> in{false};
  crew.Fiber([&] {
    s.Acquire(1);
    in = true;
  });
  LetOthersBlock();
  EXPECT_FALSE(in);
  ctx.Cancel();
  crew.Join();
  EXPECT_TRUE(in);
  s.Release(2);
}

TEST_F(SemaphoreTest, TimedAcquireGivesUp) {
  Semaphore s(1);
  s.Acquire();
  EXPECT_FALSE(s.TryAcquireFor(absl::Milliseconds(2)));
  EXPECT_FALSE(s.TryAcquireFor(absl::ZeroDuration()));
  s.Release();
  EXPECT_TRUE(s.TryAcquireFor(absl::Milliseconds(2)));
  s.Release();
}

using SemaphoreStressTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, SemaphoreStressTest, weft::testing::kWorkerCounts);

// Never more than `size` out, and all back in the end, whatever was cancelled, timed out or refused
// meanwhile.
TEST_P(SemaphoreStressTest, PermitsAreConserved) {
  constexpr int64_t kSize = 5;
  Semaphore s(kSize);
  std::atomic<int64_t> out{0};
  {
    Crew crew;
    crew.Mixed(9, [&](int id) {
      for (int i = 0; i < 600; ++i) {
        const int64_t n = (id * 7 + i) % kSize + 1;
        CancelSource ctx;
        Crew canceller;
        bool acquired = true;
        switch ((id + i) % 8) {
          case 0:
            acquired = s.TryAcquire(n);
            break;
          case 1:
            acquired = s.TryAcquireFor(absl::Microseconds(i % 60), n);
            break;
          case 2:
            canceller.Fiber([&ctx] { ctx.Cancel(); });
            acquired = s.Acquire(ctx, n).ok();
            break;
          case 3:
            acquired = s.Acquire(ctx, n).ok();
            break;
          default:
            s.Acquire(n);
        }
        if (!acquired) continue;
        EXPECT_LE(out += n, kSize);
        if (i % 32 == 0) Gosched();
        out -= n;
        s.Release(n);
      }
    });
  }
  EXPECT_TRUE(s.TryAcquire(kSize));
  s.Release(kSize);
}

// The one who is let in last owns the semaphore and frees it while Release() may still be on its
// way back.
TEST_P(SemaphoreStressTest, MayDieWhileTheReleaseReturns) {
  Crew crew;
  for (int round = 0; round < 300; ++round) {
    auto* const s = new Semaphore(1);
    s->Acquire();
    crew.Mixed(1, [s](int) { s->Release(); });
    s->Acquire();
    delete s;
  }
}

}  // namespace
}  // namespace weft
