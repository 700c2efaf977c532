// Contexts under simulation: their deadlines are of the virtual clock.
#include "gtest/gtest.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/context/sleep.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/sim_gtest.h"
#include "weft/sched/testing/synctest.h"
#include "weft/sched/timer.h"

namespace weft {
namespace {

TEST(ContextSynctestTest, TimeoutIsExact) {
  synctest::Test([] {
    const absl::Duration timeout = absl::Seconds(5);
    auto [ctx, cancel] = WithTimeout(Background(), timeout);
    EXPECT_EQ(*ctx.Deadline(), WallNow() + timeout);
    synctest::Sleep(timeout - absl::Nanoseconds(1));
    EXPECT_TRUE(ctx.Err().ok());
    synctest::Sleep(absl::Nanoseconds(1));
    EXPECT_EQ(ctx.Err().code(), absl::StatusCode::kDeadlineExceeded);
    cancel();
  });
}

// The bubble's time goes on while all sleep, and a sleep without end ends with its context.
TEST(ContextSynctestTest, SleepTakesTheBubblesTime) {
  synctest::Test([] {
    const absl::Time start = WallNow();
    auto [ctx, cancel] = WithTimeout(Background(), absl::Hours(2));
    EXPECT_TRUE(Sleep(ctx, absl::Hours(1)).ok());
    EXPECT_EQ(WallNow() - start, absl::Hours(1));
    Go([ctx = ctx] {
      EXPECT_EQ(Sleep(ctx, absl::InfiniteDuration()).code(), absl::StatusCode::kDeadlineExceeded);
    });
    EXPECT_EQ(Sleep(ctx, absl::Hours(3)).code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_EQ(WallNow() - start, absl::Hours(2));
    cancel();
  });
}

TEST(ContextSynctestTest, AfterFuncRunsOnCancelOnly) {
  synctest::Test([] {
    auto [ctx, cancel] = WithCancel(Background());
    bool called = false;
    AfterFunc(ctx, [&called] { called = true; });
    synctest::Wait();
    EXPECT_FALSE(called);
    cancel();
    synctest::Wait();
    EXPECT_TRUE(called);
  });
}

SIM_TEST(ContextSimTest, CancelReachesEveryChild) {
  auto [parent, cancel] = WithCancel(Background());
  auto [child, cancel_child] = WithTimeout(parent, absl::Hours(1));
  Go([cancel = cancel] { cancel(); });
  Select(OnDone(child));
  EXPECT_EQ(child.Err().code(), absl::StatusCode::kCancelled);
  cancel_child();
}

}  // namespace
}  // namespace weft
