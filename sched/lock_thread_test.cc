// LockOSThread() and UnlockOSThread().
#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "gtest/gtest.h"
#include "weft/sched/blocking.h"
#include "weft/sched/go.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using testing::Repeat;
using testing::RunInFiber;

pid_t ThreadId() { return static_cast<pid_t>(syscall(SYS_gettid)); }

using LockOSThreadTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, LockOSThreadTest, testing::kWorkerCounts);

TEST_P(LockOSThreadTest, TheFiberStaysOnItsThread) {
  std::atomic<bool> done = false;
  RunInFiber([&] {
    for (int i = 0; i < 4; ++i) {
      Go([&] {
        while (!done) Gosched();
      });
    }
    LockOSThread();
    const pid_t mine = ThreadId();
    for (int i = 0; i < Repeat(100); ++i) {
      Gosched();
      ASSERT_EQ(ThreadId(), mine);
      Sleep(absl::Microseconds(10));
      ASSERT_EQ(ThreadId(), mine);
    }
    UnlockOSThread();
    done = true;
  });
  ASSERT_TRUE(testing::WaitForNoFibers());
}

TEST_P(LockOSThreadTest, NoOtherFiberRunsOnTheThread) {
  std::atomic<pid_t> locked = 0;
  std::atomic<bool> done = false;
  RunInFiber([&] {
    LockOSThread();
    locked = ThreadId();
    for (int i = 0; i < 4; ++i) {
      Go([&] {
        while (!done) {
          ASSERT_NE(ThreadId(), locked);
          Gosched();
        }
      });
    }
    for (int i = 0; i < Repeat(50); ++i) Gosched();
    done = true;
    while (NumFiber() > 1) Gosched();
    UnlockOSThread();
  });
}

TEST_P(LockOSThreadTest, IsCounted) {
  RunInFiber([] {
    LockOSThread();
    LockOSThread();
    UnlockOSThread();
    const pid_t mine = ThreadId();
    for (int i = 0; i < Repeat(50); ++i) {
      Go([] { Gosched(); });
      Gosched();
      ASSERT_EQ(ThreadId(), mine);
    }
    UnlockOSThread();
    UnlockOSThread();  // one too many: nothing
    Gosched();
  });
}

TEST_P(LockOSThreadTest, TwoLockedFibersTalk) {
  RunInFiber([] {
    Parkable* first = CurrentParkable();
    std::atomic<Parkable*> second = nullptr;
    LockOSThread();
    Go([&] {
      LockOSThread();
      second = CurrentParkable();
      for (int i = 0; i < Repeat(100); ++i) {
        Ready(first);
        Park(WaitReason::kForever);
      }
      UnlockOSThread();
      Ready(first);
    });
    for (int i = 0; i < Repeat(100); ++i) {
      Park(WaitReason::kForever);
      Ready(second);
    }
    Park(WaitReason::kForever);
    UnlockOSThread();
  });
  ASSERT_TRUE(testing::WaitForNoFibers());
}

bool ThreadExists(pid_t id) {
  return access(("/proc/self/task/" + std::to_string(id)).c_str(), F_OK) == 0;
}

TEST_P(LockOSThreadTest, AFiberThatEndsLockedTakesItsThreadWithIt) {
  std::atomic<pid_t> id = 0;
  RunInFiber([&] {
    for (int i = 0; i < 10; ++i) {
      id = 0;
      Go([&] {
        LockOSThread();
        id = ThreadId();
      });
      while (id == 0) Gosched();
      while (ThreadExists(id)) Gosched();
    }
  });
}

TEST_P(LockOSThreadTest, BlockingCallsOfALockedFiber) {
  RunInFiber([] {
    LockOSThread();
    const pid_t mine = ThreadId();
    for (int i = 0; i < Repeat(20); ++i) {
      Go([] { Gosched(); });
      Blocking([] { usleep(100); });
      ASSERT_EQ(ThreadId(), mine);
      Gosched();
      ASSERT_EQ(ThreadId(), mine);
    }
    UnlockOSThread();
  });
}

TEST_P(LockOSThreadTest, OnAPlainThreadItIsNothing) {
  LockOSThread();
  UnlockOSThread();
}

}  // namespace
}  // namespace weft
