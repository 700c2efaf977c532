#include "weft/sched/testing/fixture.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <string>

#include "weft/sched/go.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/stack_arena.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/park.h"
#include "weft/sched/timer.h"

namespace weft::testing {

using sched_internal::Fiber;
using sched_internal::Scheduler;

void RunInFiber(const std::function<void()>& fn) {
  Parkable* waiter = CurrentParkable();
  std::string failure;
  Go({.name = "test", .stack_bytes = 1 << 20}, [&fn, &failure, waiter] {
    // Readied on the way out, also by Goexit().
    struct Finish {
      Parkable* waiter;
      ~Finish() { Ready(waiter); }
    } finish{waiter};
    try {
      fn();
    } catch (const std::exception& e) {
      failure = std::string("exception left the fiber: ") + e.what();
    }
  });
  Park(WaitReason::kForever);
  if (!failure.empty()) ADD_FAILURE() << failure;
}

bool WaitForNoFibers(absl::Duration patience) {
  return Scheduler::Instance().WaitUntilNoFibers(MonotonicNanos() +
                                                 absl::ToInt64Nanoseconds(patience));
}

namespace {

// A fiber holds its stack before it is counted: the callback of a timer that was stopped too late
// may be at that while the test ends, and nothing tells of it.
int64_t AwaitNoStacks() {
  const int64_t deadline_ns = MonotonicNanos() + absl::ToInt64Nanoseconds(absl::Seconds(10));
  int64_t in_use;
  while ((in_use = Scheduler::Instance().StacksInUse()) != 0 && MonotonicNanos() < deadline_ns) {
    Sleep(absl::Milliseconds(1));
    WaitForNoFibers();
  }
  return in_use;
}

}  // namespace

void FiberTest::SetUp() {
  former_processors_ = GOMAXPROCS(0);
  ASSERT_TRUE(WaitForNoFibers()) << "fibers of an earlier test are still there";
}

void FiberTest::TearDown() {
  if (!WaitForNoFibers()) {
    std::string stacks;
    sched_internal::StackArena::Instance().ForEachLive(
        [&](Fiber* fiber) { sched_internal::AppendFiber(&stacks, *fiber); });
    ADD_FAILURE() << NumFiber() << " fibers are left:\n" << stacks;
  } else {
    EXPECT_EQ(AwaitNoStacks(), 0) << "stacks were taken and never given back";
  }
  GOMAXPROCS(former_processors_);
}

void WorkerTest::SetUp() {
  FiberTest::SetUp();
  GOMAXPROCS(GetParam());
}

int Repeat(int times) {
  if (const char* factor = std::getenv("WEFT_STRESS"))
    return std::max(1, times * std::atoi(factor));
  if (sched_internal::kTsan || sched_internal::kAsan) return std::max(1, times / 10);
  return times;
}

}  // namespace weft::testing
