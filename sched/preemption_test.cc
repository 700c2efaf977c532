// A fiber that never comes to a safe point starves nobody.
#include <unistd.h>

#include <atomic>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/park.h"
#include "weft/sched/runtime.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/hogs.h"
#include "weft/sched/timer.h"

namespace weft {
namespace {

using testing::Repeat;
using testing::RunInFiber;

// Both without and with SetStrictMaxProcs().
class PreemptionTest : public testing::FiberTest,
                       public ::testing::WithParamInterface<std::tuple<int, bool>> {
 protected:
  void SetUp() override {
    FiberTest::SetUp();
    GOMAXPROCS(std::get<0>(GetParam()));
    SetStrictMaxProcs(std::get<1>(GetParam()));
  }
  void TearDown() override {
    SetStrictMaxProcs(false);
    FiberTest::TearDown();
  }
};
INSTANTIATE_TEST_SUITE_P(Workers, PreemptionTest,
                         ::testing::Combine(::testing::Values(1, 2, 4, 8), ::testing::Bool()),
                         [](const auto& info) {
                           return std::to_string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "Strict" : "");
                         });

// Runs `work` in as many fibers as there are processors and one more, until another fiber has slept
// five times for a millisecond.
void BesideATicker(testing::Hog* work) {
  testing::Stop stop = false;
  RunInFiber([&] {
    for (int i = 0; i <= GOMAXPROCS(0); ++i) Go([&] { work(stop); });
    for (int i = 0; i < 5; ++i) Sleep(absl::Milliseconds(1));
    stop = true;
  });
  EXPECT_TRUE(testing::WaitForNoFibers());
}

TEST_P(PreemptionTest, EmptyLoop) { BesideATicker(&testing::EmptyLoop); }
TEST_P(PreemptionTest, LoopOfSmallCalls) { BesideATicker(&testing::SmallCalls); }
TEST_P(PreemptionTest, LongSort) { BesideATicker(&testing::LongSort<200'000>); }
TEST_P(PreemptionTest, AllocationUnderASharedMutex) { BesideATicker(&testing::MallocUnderMutex); }
TEST_P(PreemptionTest, LongCallsIntoTheCLibrary) { BesideATicker(&testing::LongCalls); }

// What a fiber without a processor makes ready, starts and waits for is not lost.
TEST_P(PreemptionTest, HogsThatTalk) {
  std::atomic<int> done = 0;
  constexpr int kHogs = 4;
  RunInFiber([&] {
    for (int i = 0; i < kHogs; ++i) {
      Go([&] {
        for (int round = 0; round < 3; ++round) {
          volatile int64_t n = 0;
          for (int64_t spin = 0; spin < Repeat(2'000'000); ++spin) n = n + 1;
          Parkable* self = CurrentParkable();
          Go([self] { Ready(self); });
          Park(WaitReason::kForever);
          Sleep(absl::Microseconds(100));
        }
        ++done;
      });
    }
  });
  EXPECT_TRUE(testing::WaitForNoFibers());
  EXPECT_EQ(done, kHogs);
}

// GOMAXPROCS() is changed while fibers run on and on.
TEST_P(PreemptionTest, ProcessorsComeAndGoUnderHogs) {
  std::atomic<bool> stop = false;
  RunInFiber([&] {
    for (int i = 0; i < 4; ++i) {
      Go([&] { testing::EmptyLoop(stop); });
    }
    for (int i = 0; i < 5; ++i) {
      GOMAXPROCS(1 + i % 4);
      Sleep(absl::Milliseconds(1));
    }
    stop = true;
  });
  EXPECT_TRUE(testing::WaitForNoFibers());
}

// The more threads run on without a processor, the longer the monitor waits before it takes the
// next one: a machine with too much to do must not get a thread for every time slice. The hogs need
// no time of the machine, since they wait where the scheduler cannot see it; one starts when its
// predecessor's processor has been taken. The bound is one from below, so a slow machine keeps it.
TEST(DisplacedTest, TakesLongerForEach) {
  constexpr int kHogs = 40;
  constexpr absl::Duration kTimeSlice = absl::Milliseconds(10);
  constexpr absl::Duration kPatience = absl::Milliseconds(1);  // and as much for each before
  const int former_procs = GOMAXPROCS(1);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  absl::Duration at_last;
  Parkable* waiter = CurrentParkable();
  const int64_t start_ns = MonotonicNanos();
  for (int i = 0; i < kHogs; ++i) {
    Go([&] {
      char released;
      EXPECT_EQ(read(ends[0], &released, 1), 1);
    });
  }
  Go([&] {
    at_last = absl::Nanoseconds(MonotonicNanos() - start_ns);
    const std::string released(kHogs, 'x');
    EXPECT_EQ(write(ends[1], released.data(), released.size()), kHogs);
    Ready(waiter);
  });
  Park(WaitReason::kForever);
  EXPECT_TRUE(testing::WaitForNoFibers());
  EXPECT_GE(at_last, kHogs * (kTimeSlice + kPatience) + kPatience * (kHogs * (kHogs - 1) / 2));
  close(ends[0]);
  close(ends[1]);
  GOMAXPROCS(former_procs);
}

// Fibers that are stopped wait in the queue of all, the ticker in its processor's: each has its
// turn, whatever the number of the round in which the hogs begin.
TEST(StrictPreemptionTest, NoQueueStarvesTheOther) {
  const int former_procs = GOMAXPROCS(1);
  const bool former_strict = SetStrictMaxProcs(true);
  for (int shift = 0; shift < 64; ++shift) {
    std::atomic<bool> stop = false;
    RunInFiber([&] {
      for (int i = 0; i < shift; ++i) Gosched();
      for (int i = 0; i < 4; ++i) {
        Go([&] { testing::EmptyLoop(stop); });
      }
      Sleep(absl::Microseconds(100));
      stop = true;
    });
    ASSERT_TRUE(testing::WaitForNoFibers());
  }
  SetStrictMaxProcs(former_strict);
  GOMAXPROCS(former_procs);
}

}  // namespace
}  // namespace weft
