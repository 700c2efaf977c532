#include "weft/sched/testing/sim_gtest.h"

#include <cstdlib>

#include "gtest/gtest-spi.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/park.h"

namespace weft {
namespace {

void Step(const void* object) { sched_internal::SimPoint(sched_internal::Op::kOther, object); }

int sim_runs = 0;

SIM_TEST(SimMacroTest, RunsTheBodyUnderManySeeds) {
  EXPECT_TRUE(sim::Active());
  ++sim_runs;
}

TEST(SimMacroTest, HasRunUnderManySeeds) {
  EXPECT_GE(sim_runs, std::getenv("WEFT_SEED") != nullptr ? 1 : sim::kTestRuns);
}

// Expects that the second fiber is the first to end: most orders have it so, not all.
void Hopes() {
  int ended = 0;
  for (int id = 1; id <= 2; ++id) {
    Go([&ended, id] {
      Step(&ended);
      if (++ended == 1) {
        EXPECT_EQ(id, 1) << "overtaken";
      }
    });
  }
  Sleep(absl::Seconds(1));
}

TEST(SimMacroTest, FailedExpectationIsShrunkAndTold) {
  EXPECT_NONFATAL_FAILURE(sim::RunTest({.runs = 200}, &Hopes), "overtaken");
  EXPECT_NONFATAL_FAILURE(sim::RunTest({.runs = 200}, &Hopes), "WEFT_SIM_SCHEDULE='");
  EXPECT_NONFATAL_FAILURE(sim::RunTest({.runs = 200}, &Hopes), "(the fewest)");
}

TEST(SimMacroTest, DeadlockFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(sim::RunTest({}, [] { Park(WaitReason::kChanSend); }),
                          "all fibers are asleep - deadlock!");
}

TEST(SimMacroTest, PassingBodyPasses) {
  sim::RunTest({.search = sim::Search::kExhaustive}, [] { Go([] {}); });
}

TEST(SimMacroTest, EnvironmentSaysWhatIsRepeated) {
  ::setenv("WEFT_SIM_RUNS", "7", 1);
  EXPECT_EQ(sim::FromEnvironment({}).runs, 7);
  ::unsetenv("WEFT_SIM_RUNS");
  ::setenv("WEFT_SIM_SCHEDULE", "1.1>2", 1);
  EXPECT_EQ(sim::FromEnvironment({}).schedule, "1.1>2");
  ::unsetenv("WEFT_SIM_SCHEDULE");
}

}  // namespace
}  // namespace weft
