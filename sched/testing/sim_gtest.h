// sim_gtest.h: GoogleTest tests that run under simulation.
//
//   SIM_TEST(QueueTest, LosesNothing) {
//     Queue queue;
//     weft::Go([&] { queue.Push(1); });
//     EXPECT_EQ(queue.Pop(), 1);
//   }
//
// runs the body under 200 seeds, each in its own world (sim.h). A failed expectation, a panic, a
// deadlock and a fiber that is left over fail a run; the test then fails with the shrunk schedule,
// step by step, and with what to set in order to repeat it: WEFT_SEED or WEFT_SIM_SCHEDULE.
// WEFT_SIM_RUNS changes the number of seeds. With other options: sim::RunTest() in an ordinary
// TEST.
//
// Go: none.
//
// Misuse: the body must not depend on what a former run has left; a fixture's members would, so
//   there is no such form.
#ifndef WEFT_SCHED_TESTING_SIM_GTEST_H_
#define WEFT_SCHED_TESTING_SIM_GTEST_H_

#include <functional>

#include "gtest/gtest.h"
#include "weft/sched/testing/sim.h"

namespace weft::sim {

// Runs `body` as `options` and the environment say; a failure of it is one of the current test.
// Failed expectations of the body count as failures of the run.
void RunTest(const Options& options, const std::function<void()>& body);

inline constexpr int kTestRuns = 200;

}  // namespace weft::sim

#define SIM_TEST(Suite, Name)                                                       \
  static void Suite##_##Name##_Body();                                              \
  TEST(Suite, Name) {                                                               \
    ::weft::sim::RunTest({.runs = ::weft::sim::kTestRuns}, &Suite##_##Name##_Body); \
  }                                                                                 \
  static void Suite##_##Name##_Body()

#endif  // WEFT_SCHED_TESTING_SIM_GTEST_H_
