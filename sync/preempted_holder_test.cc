// Inside of locks there are locks of a few instructions that others spin for. Whoever has one must
// not be made to leave its processor: those who spin would keep it from coming back, on one
// processor until each of them has lost its own to the next.
//
// Under preemption at each prologue a mistake of that kind costs a time slice every few operations,
// and this test its time.
#include <atomic>
#include <deque>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/preempt_often.h"
#include "weft/sync/cond.h"
#include "weft/sync/mutex.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/waitgroup.h"

// Locks are taken in ways that the analysis cannot follow.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace weft {
namespace {

using PreemptedHolderTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, PreemptedHolderTest, weft::testing::kWorkerCounts);

constexpr int kFibers = 60;

template <typename Fn>
void Hammer(Fn fn) {
  const int rounds = weft::testing::Repeat(200);
  const weft::testing::PreemptOften preempt;
  WaitGroup fibers;
  for (int i = 0; i < kFibers; ++i) {
    fibers.Go([fn, i, rounds] {
      for (int round = 0; round < rounds; ++round) fn(i + round);
    });
  }
  fibers.Wait();
}

TEST_P(PreemptedHolderTest, Mutex) {
  weft::Mutex mu;
  int64_t count = 0;
  std::atomic<int64_t> expected{0};
  Hammer([&](int n) {
    if (n % 3 == 0) {
      if (!mu.TryLockFor(absl::Microseconds(n % 40))) return;
    } else {
      mu.lock();
    }
    ++count;
    Gosched();
    mu.unlock();
    ++expected;
  });
  EXPECT_EQ(count, expected);
}

TEST_P(PreemptedHolderTest, RWMutex) {
  weft::RWMutex mu;
  int64_t count = 0;
  std::atomic<int64_t> expected{0};
  Hammer([&](int n) {
    if (n % 4 != 0) {
      if (n % 3 == 0) {
        if (!mu.TryLockSharedFor(absl::Microseconds(n % 40))) return;
      } else {
        mu.lock_shared();
      }
      Gosched();
      mu.unlock_shared();
      return;
    }
    mu.lock();
    ++count;
    Gosched();
    mu.unlock();
    ++expected;
  });
  EXPECT_EQ(count, expected);
}

TEST_P(PreemptedHolderTest, Semaphore) {
  weft::Semaphore permits(3);
  std::atomic<int64_t> inside{0};
  Hammer([&](int n) {
    const int weight = 1 + n % 3;
    if (n % 5 == 0) {
      if (!permits.TryAcquireFor(absl::Microseconds(n % 40), weight)) return;
    } else {
      permits.Acquire(weight);
    }
    EXPECT_LE(inside.fetch_add(weight) + weight, 3);
    Gosched();
    inside -= weight;
    permits.Release(weight);
  });
  EXPECT_EQ(inside, 0);
}

TEST_P(PreemptedHolderTest, Cond) {
  weft::Mutex mu;
  weft::Cond not_empty(mu);
  weft::Cond not_full(mu);
  std::deque<int> queue;
  std::atomic<int64_t> left{0};
  Hammer([&](int n) {
    MutexLock hold(mu);
    if (n % 2 == 0) {
      not_full.WaitFor(absl::Microseconds(n % 40), [&] { return queue.size() < 3; });
      queue.push_back(n);
      ++left;
      not_empty.Signal();
    } else if (not_empty.WaitFor(absl::Microseconds(n % 40), [&] { return !queue.empty(); })) {
      queue.pop_front();
      --left;
      not_full.Signal();
    }
  });
  EXPECT_EQ(left, static_cast<int64_t>(queue.size()));
}

}  // namespace
}  // namespace weft
