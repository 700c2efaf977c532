// fork() while the runtime runs. Each case runs in a process of its own, and its children are given
// half a minute by alarm(): one that hangs is killed by SIGALRM, and the case fails.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/main.h"
#include "weft/sched/park.h"
#include "weft/sched/runtime.h"

namespace weft {
namespace {

using ::testing::ExitedWithCode;

constexpr char kMessage[] = "fatal error: the runtime was used in the child of a fork\\(\\)";

// The exit status of a child that runs fn(); 100 and more: it was ended by a signal.
template <typename Fn>
int StatusOfChild(Fn fn) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    fn();
    _exit(99);
  }
  int status = 0;
  while (waitpid(child, &status, 0) != child) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

// Calls fn() in the main fiber and ends with the status that it returns.
template <typename Fn>
[[noreturn]] void Program(Fn fn) {
  char name[] = "program";
  char* arguments[] = {name, nullptr};
  std::exit(Main(1, arguments, [fn] {
    Go([] { Park(WaitReason::kForever); });
    Gosched();
    const int status = fn();
    // The parent is as it was.
    Parkable* const main = CurrentParkable();
    Go([main] { Ready(main); });
    Park(WaitReason::kForever);
    Sleep(absl::Microseconds(1));
    return status;
  }));
}

class ForkTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(ForkTest, FiberThatUsesTheRuntimeInTheChildFails) {
  const auto with = [](auto fn) { Program([fn] { return StatusOfChild(fn); }); };
  EXPECT_EXIT(with([] { Gosched(); }), ExitedWithCode(2), kMessage);
  EXPECT_EXIT(with([] { Sleep(absl::Milliseconds(1)); }), ExitedWithCode(2), kMessage);
  EXPECT_EXIT(with([] { Go([] {}); }), ExitedWithCode(2), kMessage);
  EXPECT_EXIT(with([] { Park(WaitReason::kForever); }), ExitedWithCode(2), kMessage);
  EXPECT_EXIT(with([] { GOMAXPROCS(3); }), ExitedWithCode(2), kMessage);
  EXPECT_EXIT(with([] { Goexit(); }), ExitedWithCode(2), kMessage);
}

TEST_F(ForkTest, ThreadThatUsesTheRuntimeInTheChildFails) {
  const auto with = [](auto fn) {
    Go([] { Park(WaitReason::kForever); });
    std::exit(StatusOfChild(fn));
  };
  EXPECT_EXIT(with([] { Go([] {}); }), ExitedWithCode(2), kMessage);
  EXPECT_EXIT(with([] { Park(WaitReason::kForever); }), ExitedWithCode(2), kMessage);
  EXPECT_EXIT(with([] { GOMAXPROCS(3); }), ExitedWithCode(2), kMessage);
}

TEST_F(ForkTest, ChildMayExec) {
  EXPECT_EXIT(Program([] {
                return StatusOfChild(
                    [] { execl("/bin/sh", "sh", "-c", "exit 7", static_cast<char*>(nullptr)); });
              }),
              ExitedWithCode(7), "");
}

volatile int zero = 0;

__attribute__((noinline)) int Deep(int depth) {
  volatile char frame[1000];
  frame[0] = static_cast<char>(depth);
  return depth == 0 ? zero : Deep(depth - 1) + (frame[0] & zero);
}

TEST_F(ForkTest, StackGrowsInTheChild) {
  EXPECT_EXIT(Program([] {
                std::atomic<int> status{-1};
                Go([&status] { status = StatusOfChild([] { _exit(Deep(100) + 5); }); });
                while (status < 0) Gosched();
                return status.load();
              }),
              ExitedWithCode(5), "");
}

TEST_F(ForkTest, ChildMayStartARuntimeThatDidNotRun) {
  const auto runs = [] {
    return StatusOfChild([] {
      std::atomic<bool> ran{false};
      Go([&ran] { ran = true; });
      _exit(Shutdown(absl::Seconds(20)).ok() && ran ? 3 : 4);
    });
  };
  EXPECT_EXIT(std::exit(runs()), ExitedWithCode(3), "");
  EXPECT_EXIT(
      {
        Go([] {});
        if (!Shutdown(absl::Seconds(20)).ok()) std::exit(9);
        std::exit(runs());
      },
      ExitedWithCode(3), "");
}

// Whatever lock another thread holds at the moment of the fork, the child does not wait for it.
TEST_F(ForkTest, ForksAmongBusyThreadsDoNotHang) {
  setenv("WEFT_TRACEBACK", "none", 1);  // one line from each child
  EXPECT_EXIT(Program([] {
                GOMAXPROCS(4);
                std::atomic<bool> stop{false};
                std::atomic<int> left{3};
                for (int i = 0; i < 3; ++i) {
                  Go([&stop, &left] {
                    while (!stop) {
                      for (int k = 0; k < 300; ++k) Go([] { Sleep(absl::Microseconds(5)); });
                      while (NumFiber() > 50 && !stop) Gosched();
                    }
                    --left;
                  });
                }
                int wrong = 0;
                for (int i = 0; i < 20; ++i) {
                  wrong += StatusOfChild([] { Go([] {}); }) != 2;
                  wrong += StatusOfChild([] { _exit(Deep(40) + 5); }) != 5;
                  Gosched();
                }
                stop = true;
                while (left != 0 || NumFiber() > 2) Gosched();
                return wrong;
              }),
              ExitedWithCode(0), kMessage);
}

}  // namespace
}  // namespace weft
