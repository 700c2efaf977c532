// What tests over the explorer expect: that no schedule breaks a program, or that one does and can
// be replayed.
#ifndef WEFT_SCHED_TESTING_MODEL_EXPECT_H_
#define WEFT_SCHED_TESTING_MODEL_EXPECT_H_

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "weft/sched/testing/model.h"

namespace weft::sched_internal::model {

using ProgramFn = std::function<void(Program&)>;

// All schedules with at most so many preemptions.
inline Options Preemptions(int n) {
  Options options;
  options.preemptions = n;
  return options;
}

// So many schedules at random.
inline Options Random(uint64_t executions) {
  Options options;
  options.search = Options::Search::kRandom;
  options.executions = executions;
  return options;
}

// All with at most so many preemptions, in which a load may miss at most so many stores.
inline Options Bounds(int preemptions, int old_reads) {
  Options options = Preemptions(preemptions);
  options.old_reads = old_reads;
  return options;
}

// No schedule within the bounds fails, and all have been explored. The counts go to the log and the
// test's record.
inline Result ExpectSound(const ProgramFn& program, const Options& options = {}) {
  const Result result = Explore(options, program);
  EXPECT_TRUE(result.ok()) << result.report;
  EXPECT_TRUE(result.complete || options.search != Options::Search::kExhaustive) << result;
  std::printf("  explored: %s\n", result.Summary().c_str());
  return result;
}

// Some schedule fails with a message that contains `words`, and does so again when it is replayed.
inline Result ExpectBroken(const ProgramFn& program, std::string_view words,
                           const Options& options = {}) {
  const Result result = Explore(options, program);
  EXPECT_NE(result.failure.find(words), std::string::npos)
      << (result.ok() ? "nothing found: " + result.Summary() : result.report);
  Options replay = options;
  replay.replay = result.schedule;
  if (!result.ok()) {
    // Not the very same words: they may contain an address.
    const std::string again = Explore(replay, program).failure;
    EXPECT_NE(again.find(words), std::string::npos) << again;
    std::printf("  found after %s\n", result.Summary().c_str());
  }
  return result;
}

}  // namespace weft::sched_internal::model

#endif  // WEFT_SCHED_TESTING_MODEL_EXPECT_H_
