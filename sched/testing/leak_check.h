// leak_check.h: fails a test that leaves fibers behind.
//
// As a fixture:
//
//   class PoolTest : public weft::testing::LeakCheck {};
//   TEST_F(PoolTest, StopsItsFibers) { … }
//
// When the test has ended, the fibers that it has started get a short time to end, too. Those that
// are still there fail it, each with what it waits for, its stack, and where it was started. Fibers
// that were there when the test began are not its fault.
//
// Go: go.uber.org/goleak: VerifyNone, IgnoreTopFunction, IgnoreAnyFunction, IgnoreCurrent.
//
// Thread safety: as GoogleTest's fixtures: the thread that runs the test.
// Cost: one walk over all stacks that were ever in use; up to `patience` if there is a leak.
#ifndef WEFT_SCHED_TESTING_LEAK_CHECK_H_
#define WEFT_SCHED_TESTING_LEAK_CHECK_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace weft::testing {

// What is not a leak.
class LeakFilter {
 public:
  // Fibers whose innermost function that is not weft's contains `name`.
  LeakFilter& IgnoreTopFunction(std::string_view name);
  // Fibers with a function on their stack that contains `name`.
  LeakFilter& IgnoreAnyFunction(std::string_view name);
  // Fibers that were started with GoOptions{.name = name}.
  LeakFilter& IgnoreName(std::string_view name);
  // Fibers that are alive now.
  LeakFilter& IgnoreCurrent();

  // How long those that are about to end may take.
  LeakFilter& SetPatience(absl::Duration patience) {
    patience_ = patience;
    return *this;
  }

  // The fibers that are alive, but for the caller and those to be ignored, after waiting for them
  // to end: each as a dump shows it. Empty: no leak.
  std::vector<std::string> FindLeaks() const;

 private:
  std::vector<std::string> LookOnce() const;

  std::vector<std::string> top_functions_;
  std::vector<std::string> any_functions_;
  std::vector<std::string> names_;
  std::set<std::pair<const void*, uint64_t>> known_;  // fibers by address and id
  absl::Duration patience_ = absl::Milliseconds(500);
};

// Adds a failure to the current test if there are leaks.
void ExpectNoLeaks(const LeakFilter& filter = {});

class LeakCheck : public ::testing::Test {
 protected:
  void SetUp() override { filter_.IgnoreCurrent(); }
  void TearDown() override { ExpectNoLeaks(filter_); }

  // For the test to add to.
  LeakFilter& leak_filter() { return filter_; }

 private:
  LeakFilter filter_;
};

}  // namespace weft::testing

#endif  // WEFT_SCHED_TESTING_LEAK_CHECK_H_
