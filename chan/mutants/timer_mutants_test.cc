// Bugs planted into timer channels, one at a time; as chan_mutants_test.
#include "gtest/gtest.h"
#include "weft/chan/mutants/expect_found.h"
#include "weft/chan/mutants/mutated/model_timer_programs.h"

namespace weft::chan_model {
namespace {

TEST(TimerMutantsTest, Stop) {
  ExpectFound(StopAgainstFire(), {},
              {{chan_mutants::kStaleFiringNotCounted, "Stop()"},
               {chan_mutants::kStopLeavesTheValue, "Stop()"}});
}

TEST(TimerMutantsTest, Reset) {
  ExpectFound(ResetAgainstFire(), {},
              {{chan_mutants::kStaleFiringNotCounted, "the new time"},
               {chan_mutants::kStopLeavesTheValue, "Reset()"}});
}

TEST(TimerMutantsTest, LastHandle) {
  ExpectFound(LastHandleAgainstFire(), {},
              {{chan_mutants::kLastHandleDoesNotWait, "destruction"},
               {chan_mutants::kStaleFiringNotCounted, "destruction"}});
}

}  // namespace
}  // namespace weft::chan_model
