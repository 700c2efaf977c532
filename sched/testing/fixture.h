// fixture.h: the GoogleTest fixture for code that starts fibers.
//
// FiberTest fails a test that leaves fibers behind, and tells which, or that lost stacks.
// WorkerTest is the same for a range of worker counts:
//
//   using QueueTest = weft::testing::WorkerTest;
//   TEST_P(QueueTest, LosesNothing) { weft::testing::RunInFiber([] { … }); }
//   INSTANTIATE_TEST_SUITE_P(Workers, QueueTest, weft::testing::kWorkerCounts);
#ifndef WEFT_SCHED_TESTING_FIXTURE_H_
#define WEFT_SCHED_TESTING_FIXTURE_H_

#include <functional>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace weft::testing {

// Runs fn() in a fiber and waits for its end; the test's own thread blocks meanwhile. An exception
// that leaves fn becomes a failure of the test.
void RunInFiber(const std::function<void()>& fn);

// Waits until no fiber is left. False: some are left after `patience`.
bool WaitForNoFibers(absl::Duration patience = absl::Seconds(60));

class FiberTest : public ::testing::Test {
 protected:
  void SetUp() override;
  // Fails if fibers are left after a generous time, or stacks.
  void TearDown() override;

 private:
  int former_processors_ = 0;
};

// FiberTest with GetParam() workers.
class WorkerTest : public FiberTest, public ::testing::WithParamInterface<int> {
 protected:
  void SetUp() override;
};

// One, the machine's two, and more than the machine has.
inline const auto kWorkerCounts = ::testing::Values(1, 2, 4, 8);

// How often a stress test repeats: `times`, less under sanitizers, more with WEFT_STRESS=factor.
int Repeat(int times);

}  // namespace weft::testing

#endif  // WEFT_SCHED_TESTING_FIXTURE_H_
