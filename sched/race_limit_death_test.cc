// How many fibers ThreadSanitizer can follow: with a compiler whose sanitizer has a limit, one
// fiber more ends the program, and says why.
#include <cstdlib>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/main.h"
#include "weft/sched/park.h"

namespace weft {
namespace {

using ::testing::ExitedWithCode;

// Ends a program in which more fibers than gcc 12 allows are alive at once.
[[noreturn]] void StartTooMany() {
  // Nobody reads the stacks of 8,000 fibers.
  setenv("WEFT_TRACEBACK", "none", 1);
  char program[] = "program";
  char* arguments[] = {program, nullptr};
  std::exit(Main(1, arguments, [] {
    for (int i = 0; i < 8'200; ++i) Go([] { Park(WaitReason::kForever); });
    return 7;
  }));
}

TEST(RaceLimitDeathTest, EndsTheProgramAndSaysWhy) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  if constexpr (sched_internal::kMaxSanitizedFibers < 8'200) {
    EXPECT_EXIT(StartTooMany(), ExitedWithCode(2),
                "^fatal error: more than 8000 fibers at once, which ThreadSanitizer of this "
                "compiler cannot follow");
  } else {
    EXPECT_EXIT(StartTooMany(), ExitedWithCode(7), "");
  }
}

}  // namespace
}  // namespace weft
