// Fibers that leave their processor in the prologue of a function: when, and when not.
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/segments.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/internal/stack_kind.h"
#include "weft/sched/no_preempt.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/timer.h"

namespace weft {
namespace {

using sched_internal::kStackKind;
using sched_internal::PrologueYields;
using sched_internal::StackKind;

constexpr int64_t kMs = 1'000'000;

class ProloguePreemptionTest : public testing::WorkerTest {};

__attribute__((noinline)) uint64_t Small(uint64_t n) {
  asm volatile("" : "+r"(n));
  return n * 3 + 1;
}

// Works for `ns` in calls of small functions, and nothing else.
uint64_t WorkFor(int64_t ns) {
  uint64_t sum = 0;
  for (const int64_t end = MonotonicNanos() + ns; MonotonicNanos() < end;) {
    for (int i = 0; i < 1'000; ++i) sum += Small(static_cast<uint64_t>(i));
  }
  return sum;
}

TEST_P(ProloguePreemptionTest, ALoopOfCallsDoesNotKeepTheProcessor) {
  std::atomic<bool> stop{false};
  // Enough hogs for all workers: whoever stops them must get its turn.
  for (int i = 0; i < GetParam(); ++i) {
    Go([&stop] {
      // Relaxed: the hogs only need to end some time.
      while (!stop.load(std::memory_order_relaxed)) Small(1);
    });
  }
  Go([&stop] { stop.store(true, std::memory_order_relaxed); });
  ASSERT_TRUE(testing::WaitForNoFibers());
}

TEST_P(ProloguePreemptionTest, NothingIsLostOnTheWay) {
  const uint64_t before = PrologueYields();
  std::atomic<int> rounds{0};
  for (int f = 0; f < 12; ++f) {
    Go([f, &rounds] {
      std::vector<int> numbers(20'000);
      // Until fibers have been made to leave often enough.
      for (int round = 0; rounds.load(std::memory_order_relaxed) < 400; ++round) {
        std::iota(numbers.begin(), numbers.end(), 0);
        std::reverse(numbers.begin(), numbers.end());
        std::sort(numbers.begin(), numbers.end(), [](int a, int b) {
          return Small(static_cast<uint64_t>(a)) < Small(static_cast<uint64_t>(b));
        });
        ASSERT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
        std::string text;
        for (int i = 0; i < 1'000; ++i) text += std::to_string(i * f);
        auto copy = std::make_unique<std::string>(text);
        ASSERT_EQ(*copy, text);
        try {
          if (round % 2 == 0) throw std::runtime_error(text);
        } catch (const std::runtime_error& e) {
          ASSERT_EQ(WorkFor(10'000) & 0, 0u);
          ASSERT_EQ(text, e.what());
        }
        rounds.fetch_add(1, std::memory_order_relaxed);  // a count
      }
    });
  }
  ASSERT_TRUE(testing::WaitForNoFibers());
  EXPECT_TRUE(kStackKind == StackKind::kFixed || PrologueYields() > before);
}

// Reads errno anew: the address that a compiler has for it may be another thread's.
__attribute__((noinline)) int ReadErrno() { return errno; }
__attribute__((noinline)) void WriteErrno(int value) { errno = value; }

TEST_P(ProloguePreemptionTest, ErrnoIsCarriedAlong) {
  for (int f = 1; f <= 4; ++f) {
    Go([f] {
      WriteErrno(1'000 + f);
      WorkFor(40 * kMs);
      EXPECT_EQ(ReadErrno(), 1'000 + f);
    });
  }
  ASSERT_TRUE(testing::WaitForNoFibers());
}

// Counts what prologues yield while `fn` hogs one worker and another fiber waits for it.
template <typename Fn>
uint64_t YieldsDuring(Fn fn) {
  uint64_t yields = 0;
  testing::RunInFiber([&] {
    std::atomic<bool> other_ran{false};
    Go([&other_ran] { other_ran = true; });
    const uint64_t before = PrologueYields();
    fn();
    yields = PrologueYields() - before;
  });
  return yields;
}

TEST_P(ProloguePreemptionTest, NoPreemptKeepsTheProcessor) {
  EXPECT_EQ(YieldsDuring([] {
              NoPreempt keep;
              const pthread_t thread = pthread_self();
              WorkFor(40 * kMs);
              { NoPreempt nested; }
              WorkFor(20 * kMs);
              EXPECT_EQ(pthread_self(), thread);
            }),
            0u);
}

TEST_P(ProloguePreemptionTest, NoPreemptIsTheFibersOwn) {
  // Whoever parks inside a scope leaves it to nobody else.
  std::atomic<bool> stop{false};
  Go([&stop] {
    NoPreempt keep;
    while (!stop) Gosched();
  });
  for (int i = 0; i < GetParam(); ++i) {
    Go([&stop] {
      while (!stop.load(std::memory_order_relaxed)) Small(1);
    });
  }
  Go([&stop] { stop = true; });
  ASSERT_TRUE(testing::WaitForNoFibers());
}

TEST_P(ProloguePreemptionTest, TheHolderOfASpinLockKeepsTheProcessor) {
  sched_internal::SpinLock lock;
  EXPECT_EQ(YieldsDuring([&lock] {
              sched_internal::SpinLockHolder hold(lock);
              WorkFor(40 * kMs);
            }),
            0u);
}

std::atomic<uint64_t> yields_in_handler{0};

void OnSignal(int) {
  const uint64_t before = PrologueYields();
  WorkFor(40 * kMs);
  yields_in_handler = PrologueYields() - before;
}

TEST_P(ProloguePreemptionTest, ASignalHandlerKeepsTheProcessor) {
  for (int flags : {0, SA_ONSTACK}) {
    struct sigaction action = {}, former;
    action.sa_handler = &OnSignal;
    action.sa_flags = flags;
    ASSERT_EQ(sigaction(SIGUSR1, &action, &former), 0);
    yields_in_handler = 1;
    testing::RunInFiber([] {
      Go([] {});
      pthread_kill(pthread_self(), SIGUSR1);
    });
    EXPECT_EQ(yields_in_handler, 0u);
    sigaction(SIGUSR1, &former, nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, ProloguePreemptionTest, testing::kWorkerCounts);

}  // namespace
}  // namespace weft
