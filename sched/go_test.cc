#include "weft/sched/go.h"

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/timer.h"

namespace weft {
namespace {

using testing::RunInFiber;

// Counts down to a waiting parkable; the smallest WaitGroup that these tests can do without //sync.
class Countdown {
 public:
  explicit Countdown(int n) : left_(n), waiter_(CurrentParkable()) {}
  void Done() {
    Parkable* waiter = waiter_;
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) Ready(waiter);
  }
  void Wait() { Park(WaitReason::kForever); }

 private:
  std::atomic<int> left_;
  Parkable* const waiter_;
};

class GoTest : public testing::WorkerTest {};
INSTANTIATE_TEST_SUITE_P(Workers, GoTest, testing::kWorkerCounts);

TEST_P(GoTest, RunsEveryFiberOnce) {
  RunInFiber([] {
    constexpr int kFibers = 5'000;
    std::vector<std::atomic<int>> runs(kFibers);
    Countdown all(kFibers);
    for (int i = 0; i < kFibers; ++i) {
      Go([&runs, &all, i] {
        runs[i].fetch_add(1, std::memory_order_relaxed);
        all.Done();
      });
    }
    all.Wait();
    for (int i = 0; i < kFibers; ++i) ASSERT_EQ(runs[i], 1) << i;
  });
}

TEST_P(GoTest, FromAPlainThread) {
  Countdown all(100);
  for (int i = 0; i < 100; ++i) Go([&all] { all.Done(); });
  all.Wait();
}

TEST_P(GoTest, FromManyPlainThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  Countdown all(kThreads * kEach);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&all] {
      for (int i = 0; i < kEach; ++i) Go([&all] { all.Done(); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  all.Wait();
}

TEST_P(GoTest, MoveOnlyClosureIsMovedIn) {
  RunInFiber([] {
    Countdown done(1);
    int seen = 0;
    auto value = std::make_unique<int>(42);
    Go([value = std::move(value), &seen, &done]() mutable {
      seen = *value;
      done.Done();
    });
    done.Wait();
    EXPECT_EQ(seen, 42);
  });
}

TEST_P(GoTest, ClosureIsDestroyedWhenItHasReturned) {
  auto token = std::make_shared<int>(0);
  std::weak_ptr<int> watch = token;
  Go([token = std::move(token)] {});
  ASSERT_TRUE(testing::WaitForNoFibers());
  EXPECT_TRUE(watch.expired());
}

TEST_P(GoTest, ArgumentsAreEvaluatedInTheCaller) {
  RunInFiber([] {
    Countdown done(1);
    int i = 1;
    int seen = 0;
    Go([i, &seen, &done] {
      seen = i;
      done.Done();
    });
    i = 2;
    done.Wait();
    EXPECT_EQ(seen, 1);
  });
}

TEST_P(GoTest, OverAlignedClosure) {
  struct alignas(256) Wide {
    char bytes[300] = {};
  };
  Countdown done(1);
  bool aligned = false;
  Go([wide = Wide{}, &aligned, &done] {
    aligned = reinterpret_cast<uintptr_t>(&wide) % 256 == 0;
    done.Done();
  });
  done.Wait();
  EXPECT_TRUE(aligned);
}

TEST_P(GoTest, ThrowingCopyOfTheClosureStartsNothing) {
  struct ThrowsOnCopy {
    ThrowsOnCopy() = default;
    ThrowsOnCopy(const ThrowsOnCopy&) { throw std::runtime_error("copy"); }
    void operator()() const {}
  };
  const ThrowsOnCopy fn;
  EXPECT_THROW(Go(fn), std::runtime_error);
  EXPECT_EQ(NumFiber(), 0);
}

__attribute__((noinline)) int Dive(int depth) {
  volatile char frame[1024];
  frame[0] = static_cast<char>(depth);
  return depth == 0 ? frame[0] : Dive(depth - 1) + frame[0] * 0 + 1;
}

TEST_P(GoTest, StackBytesAreUsable) {
  Countdown done(1);
  int depth = 0;
  Go({.name = "deep", .stack_bytes = 16 << 20}, [&] {
    depth = Dive(8'000);  // more than 8 MiB
    done.Done();
  });
  done.Wait();
  EXPECT_EQ(depth, 8'000);
}

TEST_P(GoTest, DefaultStackHoldsDeepCalls) {
  Countdown done(1);
  int depth = 0;
  Go([&] {
    depth = Dive(100);  // more than 100 KiB
    done.Done();
  });
  done.Wait();
  EXPECT_EQ(depth, 100);
}

TEST_P(GoTest, NumFiberCountsTheLiving) {
  EXPECT_EQ(NumFiber(), 0);
  RunInFiber([] {
    EXPECT_EQ(NumFiber(), 1);
    std::vector<Parkable*> parked(10);
    Countdown started(10);
    Countdown* const all_started = &started;
    std::atomic<int> ended{0};
    for (int i = 0; i < 10; ++i) {
      Go([&parked, &ended, all_started, i] {
        parked[i] = CurrentParkable();
        all_started->Done();
        Park(WaitReason::kForever);
        ended.fetch_add(1);
      });
    }
    started.Wait();
    EXPECT_EQ(NumFiber(), 11);
    for (Parkable* fiber : parked) Ready(fiber);
    while (ended.load() < 10) Gosched();
  });
}

TEST_P(GoTest, GoschedLetsOthersRun) {
  RunInFiber([] {
    std::atomic<bool> ran{false};
    Countdown done(1);
    Go([&] {
      ran = true;
      done.Done();
    });
    // On one worker the other fiber can only run if the yield lets it.
    while (!ran) Gosched();
    done.Wait();
  });
}

TEST_P(GoTest, GoschedIsFair) {
  RunInFiber([] {
    constexpr int kFibers = 8;
    constexpr int kTurns = 1'000;
    std::vector<std::atomic<int>> turns(kFibers);
    Countdown all(kFibers);
    std::atomic<int> largest_lead{0};
    for (int f = 0; f < kFibers; ++f) {
      Go([&, f] {
        for (int i = 0; i < kTurns; ++i) {
          turns[f].fetch_add(1, std::memory_order_relaxed);
          if (GOMAXPROCS(0) == 1 && f == 0 && i > 0) {
            for (auto& other : turns) {
              largest_lead = std::max<int>(largest_lead, i - other.load(std::memory_order_relaxed));
            }
          }
          Gosched();
        }
        all.Done();
      });
    }
    all.Wait();
    // On one worker yields go round robin, so nobody is ever far ahead.
    if (GOMAXPROCS(0) == 1) {
      EXPECT_LE(largest_lead, 70);
    }
  });
}

TEST_P(GoTest, SleepTakesAtLeastAsLong) {
  RunInFiber([] {
    const int64_t begin = MonotonicNanos();
    Sleep(absl::Milliseconds(3));
    EXPECT_GE(MonotonicNanos() - begin, 3'000'000);
  });
}

TEST_P(GoTest, SleepOfNothingReturnsAtOnce) {
  Sleep(absl::ZeroDuration());
  Sleep(-absl::InfiniteDuration());
  RunInFiber([] {
    Sleep(absl::ZeroDuration());
    Sleep(-absl::Seconds(1));
  });
}

TEST_P(GoTest, SleepFromAPlainThread) {
  const int64_t begin = MonotonicNanos();
  Sleep(absl::Milliseconds(2));
  EXPECT_GE(MonotonicNanos() - begin, 2'000'000);
}

TEST_P(GoTest, GoexitRunsDestructorsAndEndsTheFiber) {
  RunInFiber([] {
    bool destroyed = false;
    bool reached = false;
    Countdown done(1);
    Go([&] {
      struct OnExit {
        bool* destroyed;
        Countdown* done;
        ~OnExit() {
          *destroyed = InGoexit();
          done->Done();
        }
      } on_exit{&destroyed, &done};
      EXPECT_FALSE(InGoexit());
      Goexit();
      reached = true;
    });
    done.Wait();
    EXPECT_TRUE(destroyed);
    EXPECT_FALSE(reached);
  });
}

TEST_P(GoTest, GoexitIsNotAStdException) {
  RunInFiber([] {
    bool caught = false;
    Countdown done(1);
    Go([&] {
      struct OnExit {
        Countdown* done;
        ~OnExit() { done->Done(); }
      } on_exit{&done};
      try {
        Goexit();
      } catch (const std::exception&) {
        caught = true;
      }
    });
    done.Wait();
    EXPECT_FALSE(caught);
  });
}

TEST_P(GoTest, PanicRecoveredInACleanupResumesGoexit) {
  RunInFiber([] {
    bool resumed = true;
    Countdown done(1);
    Go([&] {
      struct OnExit {
        Countdown* done;
        ~OnExit() {
          try {
            Panic("in a deferred function");
          } catch (const PanicError&) {
          }
          done->Done();
        }
      } on_exit{&done};
      Goexit();
      resumed = false;
    });
    done.Wait();
    EXPECT_TRUE(resumed);
  });
}

// Exceptions in flight belong to the fiber: two fibers park inside catch blocks and leave them in
// the other order.
TEST_P(GoTest, CatchBlocksOfDifferentFibersInterleave) {
  RunInFiber([] {
    constexpr int kFibers = 20;
    Countdown all(kFibers);
    std::atomic<int> wrong{0};
    for (int i = 0; i < kFibers; ++i) {
      Go([&, i] {
        for (int round = 0; round < 20; ++round) {
          try {
            throw std::runtime_error(std::to_string(i));
          } catch (const std::runtime_error&) {
            Gosched();
            try {
              throw;  // the exception that this fiber is handling, not another's
            } catch (const std::runtime_error& again) {
              if (again.what() != std::to_string(i)) wrong.fetch_add(1);
              if (round % 3 == i % 3) Sleep(absl::Microseconds(50));
              if (std::current_exception() == nullptr) wrong.fetch_add(1);
            }
          }
          if (std::current_exception() != nullptr) wrong.fetch_add(1);
        }
        all.Done();
      });
    }
    all.Wait();
    EXPECT_EQ(wrong, 0);
  });
}

TEST_P(GoTest, UncaughtExceptionsAreCountedPerFiber) {
  RunInFiber([] {
    Countdown all(2);
    int during = -1;
    int beside = -1;
    std::atomic<Parkable*> unwinding{nullptr};
    Go([&] {
      struct ParksInUnwinding {
        int* during;
        std::atomic<Parkable*>* self;
        ~ParksInUnwinding() {
          *self = CurrentParkable();
          Park(WaitReason::kForever);
          *during = std::uncaught_exceptions();
        }
      };
      try {
        ParksInUnwinding guard{&during, &unwinding};
        throw std::runtime_error("x");
      } catch (const std::runtime_error&) {
      }
      all.Done();
    });
    // Runs while the other is parked in a destructor, if there is one worker; any time otherwise.
    Go([&] {
      beside = std::uncaught_exceptions();
      all.Done();
    });
    while (GOMAXPROCS(0) == 1 && unwinding == nullptr) Gosched();
    Sleep(absl::Milliseconds(1));
    Ready(unwinding);
    all.Wait();
    EXPECT_EQ(during, 1);
    EXPECT_EQ(beside, 0);
  });
}

TEST_P(GoTest, ManyFibersOverflowTheLocalQueue) {
  RunInFiber([] {
    constexpr int kFibers = 2'000;  // the ring holds 256
    Countdown all(kFibers);
    std::atomic<int> sum{0};
    for (int i = 0; i < kFibers; ++i) {
      Go([&, i] {
        sum.fetch_add(i, std::memory_order_relaxed);
        Gosched();
        all.Done();
      });
    }
    all.Wait();
    EXPECT_EQ(sum, kFibers * (kFibers - 1) / 2);
  });
}

TEST_P(GoTest, TreeOfFibers) {
  RunInFiber([] {
    std::atomic<int> leaves{0};
    std::function<void(int, Countdown*)> grow = [&](int depth, Countdown* parent) {
      if (depth == 0) {
        leaves.fetch_add(1, std::memory_order_relaxed);
      } else {
        Countdown children(4);
        for (int i = 0; i < 4; ++i) Go([&grow, &children, depth] { grow(depth - 1, &children); });
        children.Wait();
      }
      parent->Done();
    };
    Countdown root(1);
    Go([&] { grow(5, &root); });
    root.Wait();
    EXPECT_EQ(leaves, 1024);
  });
}

// The global queue is looked at although the local one never runs dry: what a plain thread starts
// is not starved by fibers that yield to each other.
TEST(GoStarvationTest, GlobalQueueIsServedBesideABusyLocalOne) {
  const int former = GOMAXPROCS(1);
  std::atomic<bool> stop{false};
  Countdown all(3);
  for (int i = 0; i < 2; ++i) {
    Go([&] {
      while (!stop) Gosched();
      all.Done();
    });
  }
  Go([&] {
    stop = true;
    all.Done();
  });
  all.Wait();
  GOMAXPROCS(former);
  ASSERT_TRUE(testing::WaitForNoFibers());
}

// A fiber that does not enter the runtime must not keep the others of its worker from running for
// ever when there is another worker.
TEST(GoHogTest, BusyFiberDoesNotStarveOthersOnAnotherWorker) {
  const int former = GOMAXPROCS(2);
  std::atomic<bool> stop{false};
  std::atomic<bool> ran{false};
  Countdown done(1);
  Go([&] {
    Go([&] { ran = true; });  // lands in the slot of the worker that the hog keeps
    while (!stop) {
    }
    done.Done();
  });
  while (!ran) std::this_thread::yield();
  stop = true;
  done.Wait();
  GOMAXPROCS(former);
  ASSERT_TRUE(testing::WaitForNoFibers());
}

TEST(GoMaxProcsTest, ReturnsTheFormerSetting) {
  const int first = GOMAXPROCS(0);
  EXPECT_GE(first, 1);
  EXPECT_EQ(GOMAXPROCS(3), first);
  EXPECT_EQ(GOMAXPROCS(-1), 3);
  EXPECT_EQ(GOMAXPROCS(first), 3);
}

TEST(GoMaxProcsTest, ChangesUnderLoadLoseNothing) {
  const int former = GOMAXPROCS(4);
  constexpr int kFibers = 64;
  const int turns = testing::Repeat(2'000);
  Countdown all(kFibers);
  std::atomic<int64_t> total{0};
  for (int i = 0; i < kFibers; ++i) {
    Go([&] {
      for (int turn = 0; turn < turns; ++turn) {
        total.fetch_add(1, std::memory_order_relaxed);
        if (turn % 64 == 0) {
          Sleep(absl::Microseconds(20));
        } else {
          Gosched();
        }
      }
      all.Done();
    });
  }
  const int settings[] = {1, 8, 2, 5, 3, 16, 1, 4};
  for (int round = 0; round < 40; ++round) {
    GOMAXPROCS(settings[round % std::size(settings)]);
    std::this_thread::yield();
  }
  all.Wait();
  EXPECT_EQ(total, int64_t{kFibers} * turns);
  GOMAXPROCS(former);
  ASSERT_TRUE(testing::WaitForNoFibers());
}

// A processor on its way to a thread that is being started is neither idle nor retired: listed as
// idle by a change of the setting, it would have had two holders.
TEST(GoMaxProcsTest, ChangesWhileThreadsAreStarted) {
  const int former = GOMAXPROCS(0);
  testing::RunInFiber([] {
    for (int n = 2; n <= (sched_internal::kTsan ? 20 : 100); ++n) {
      GOMAXPROCS(n);
      std::atomic<int> left{2 * n};
      for (int i = 0; i < 2 * n; ++i) {
        Go([&] {
          for (int turn = 0; turn < 20; ++turn) Gosched();
          left.fetch_sub(1);
        });
      }
      GOMAXPROCS(1);
      GOMAXPROCS(n);
      while (left > 0) Gosched();
    }
  });
  GOMAXPROCS(former);
}

TEST(NumCpuTest, IsPositive) { EXPECT_GE(NumCPU(), 1); }

}  // namespace
}  // namespace weft
