// How programs end. Each case runs in a process of its own.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/worker.h"
#include "weft/sched/main.h"
#include "weft/sched/no_preempt.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/timer.h"

namespace weft {
namespace {

using ::testing::ExitedWithCode;

char program[] = "program";
char* arguments[] = {program, nullptr};

// Ends the process as main() would.
template <typename Fn>
[[noreturn]] void Program(Fn fn) {
  std::exit(Main(1, arguments, fn));
}

class MainDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(MainDeathTest, StatusIsWhatTheFunctionReturns) {
  EXPECT_EXIT(Program([] { return 7; }), ExitedWithCode(7), "");
  EXPECT_EXIT(Program([] {}), ExitedWithCode(0), "");
}

TEST_F(MainDeathTest, ReturnsWithoutWaitingForOthers) {
  EXPECT_EXIT(Program([] {
                Go([] { Park(WaitReason::kForever); });
                Go([] {
                  for (;;) Gosched();
                });
                Gosched();
              }),
              ExitedWithCode(0), "");
}

TEST_F(MainDeathTest, UncaughtPanicPrintsMessageAndStackAndExitsTwo) {
  EXPECT_EXIT(Program([] {
                Go([] { Panic("boom"); });
                Sleep(absl::Seconds(60));
              }),
              ExitedWithCode(2),
              "^panic: boom\n\nfiber [0-9]+ \\[running\\]:\n(.|\n)*created by .* in fiber 1\n");
}

TEST_F(MainDeathTest, LaterLinesOfAPanicAreIndented) {
  EXPECT_EXIT(Program([] { Panic("one\ntwo"); }), ExitedWithCode(2),
              "panic: one\n\ttwo\n\nfiber 1 \\[running, name main\\]:");
}

TEST_F(MainDeathTest, UncaughtStdExceptionNamesItsType) {
  EXPECT_EXIT(Program([] { throw std::runtime_error("bad"); }), ExitedWithCode(2),
              "panic: std::runtime_error: bad\n");
  EXPECT_EXIT(Program([] { throw 1; }), ExitedWithCode(2), "panic: exception of type int\n");
}

TEST_F(MainDeathTest, UncaughtPanicOfALazyRuntime) {
  EXPECT_EXIT(
      {
        Go([] { Panic("no main"); });
        std::this_thread::sleep_for(std::chrono::seconds(60));
      },
      ExitedWithCode(2), "panic: no main\n");
}

TEST_F(MainDeathTest, DestructorsDoNotRunOnTheWayToTheReport) {
  struct Prints {
    ~Prints() { std::fprintf(stderr, "unwound\n"); }
  };
  EXPECT_EXIT(Program([] {
                Prints prints;
                Panic("where it happened");
              }),
              ExitedWithCode(2), "^panic: where it happened");
}

TEST_F(MainDeathTest, AllAsleepIsADeadlockAndListsEveryFiber) {
  EXPECT_EXIT(Program([] {
                Go({.name = "helper"}, [] { Park(WaitReason::kChanSend); });
                Park(WaitReason::kChanReceive);
              }),
              ExitedWithCode(2),
              "fatal error: all fibers are asleep - deadlock!\n\n"
              "fiber 1 \\[chan receive, name main\\]:\n(.|\n)*"
              "fiber [0-9]+ \\[chan send, name helper\\]:\n");
}

TEST_F(MainDeathTest, SleepersAreNotADeadlock) {
  EXPECT_EXIT(Program([] {
                Parkable* const main = CurrentParkable();
                Go([main] {
                  Sleep(absl::Milliseconds(20));
                  Ready(main);
                });
                Park(WaitReason::kForever);
                return 3;
              }),
              ExitedWithCode(3), "");
}

TEST_F(MainDeathTest, PlainThreadThatMayStillActIsNotADeadlock) {
  EXPECT_EXIT(Program([] {
                Parkable* const main = CurrentParkable();
                std::thread thread([main] {
                  std::this_thread::sleep_for(std::chrono::milliseconds(50));
                  Ready(main);
                });
                Park(WaitReason::kForever);
                thread.join();
                return 4;
              }),
              ExitedWithCode(4), "");
}

TEST_F(MainDeathTest, PlainThreadsAsleepInParkAreADeadlock) {
  EXPECT_EXIT(Program([] {
                std::thread thread([] { Park(WaitReason::kChanReceive); });
                Park(WaitReason::kForever);
                thread.join();
              }),
              ExitedWithCode(2), "all fibers are asleep");
}

// One fiber computes on a processor that is to go, another lowers GOMAXPROCS on the one that stays
// and falls asleep: all processors that are left are idle, and yet the first is awake.
void LowerBesideABusyFiber() {
  static std::atomic<bool> settled{false};
  static std::atomic<bool> lowered{false};
  Parkable* const main = CurrentParkable();
  GOMAXPROCS(2);
  Go([main] {
    for (;; Sleep(absl::Microseconds(50))) {
      const NoPreempt keep;  // the processor
      if (sched_internal::CurrentProcessorHint() != 1) continue;
      settled = true;
      while (!lowered || !sched_internal::Scheduler::Instance().AllIdle()) {
      }
      // What would be the report is a few system calls away.
      for (const int64_t end = MonotonicNanos() + 5'000'000; MonotonicNanos() < end;) {
      }
      break;
    }
    Ready(main);
  });
  Go([] {
    while (!settled) {
      if (sched_internal::CurrentProcessorHint() == 0) {
        Gosched();
      } else {
        Sleep(absl::Microseconds(20));
      }
    }
    GOMAXPROCS(1);
    lowered = true;
    Park(WaitReason::kForever);
  });
  Park(WaitReason::kForever);
}

// Nobody falls asleep last: the last thread that was awake ends.
TEST_F(MainDeathTest, LastFiberThatTakesItsThreadWithItLeavesADeadlock) {
  EXPECT_EXIT(Program([] {
                GOMAXPROCS(1);
                Go([] { LockOSThread(); });
                Park(WaitReason::kForever);
              }),
              ExitedWithCode(2), "all fibers are asleep");
}

// The same where its thread waits for it.
TEST_F(MainDeathTest, LockedFiberThatWaitsLastIsADeadlock) {
  EXPECT_EXIT(Program([] {
                GOMAXPROCS(1);
                Go([] {
                  LockOSThread();
                  Park(WaitReason::kChanReceive);
                });
                Park(WaitReason::kForever);
              }),
              ExitedWithCode(2), "all fibers are asleep");
}

TEST_F(MainDeathTest, LoweringGomaxprocsIsNotADeadlock) {
  EXPECT_EXIT(Program([] {
                LowerBesideABusyFiber();
                return 5;
              }),
              ExitedWithCode(5), "");
}

TEST_F(MainDeathTest, GoexitOfMainLetsTheOthersFinish) {
  EXPECT_EXIT(Program([] {
                Go([] {
                  Sleep(absl::Milliseconds(5));
                  std::fprintf(stderr, "other is done\n");
                });
                Goexit();
              }),
              ExitedWithCode(2),
              "other is done\nfatal error: no fibers \\(main called Goexit\\) - deadlock!");
}

TEST_F(MainDeathTest, NilFunctionIsFatal) {
  EXPECT_EXIT(Program([] { Go(std::function<void()>()); }), ExitedWithCode(2),
              "fatal error: go of nil func value");
}

TEST_F(MainDeathTest, FatalCannotBeCaught) {
  EXPECT_EXIT(Program([] {
                try {
                  Fatal("broken");
                } catch (...) {
                }
              }),
              ExitedWithCode(2), "^fatal error: broken\n\nfiber 1 \\[running, name main\\]:");
}

TEST_F(MainDeathTest, SecondReadyIsFatal) {
  EXPECT_EXIT(Program([] {
                Ready(CurrentParkable());
                Ready(CurrentParkable());
              }),
              ExitedWithCode(2), "Ready\\(\\) called twice");
}

TEST(PanicErrorTest, CarriesMessageAndStack) {
  try {
    Panic("lost");
  } catch (const PanicError& e) {
    EXPECT_STREQ(e.what(), "lost");
    EXPECT_NE(e.Stack().find("\t0x"), std::string::npos);
  }
}

}  // namespace
}  // namespace weft
