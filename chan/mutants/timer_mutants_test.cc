// Bugs planted into timer channels, one at a time; as chan_mutants_test.
#include "gtest/gtest.h"
#include "weft/chan/mutants/expect_found.h"
#include "weft/chan/mutants/mutated/model_timer_programs.h"

namespace weft::chan_model {
namespace {

using model::Bounds;

TEST(TimerMutantsTest, Stop) {
  ExpectFound(StopAgainstFire(), {}, {{chan_mutants::kStopLeavesTheTime, "received after Stop()"}});
}

TEST(TimerMutantsTest, Receive) {
  ExpectFound(ReceiveAgainstFire(), {},
              {{chan_mutants::kQueuedWithoutAnAlarm, kStuck},
               {chan_mutants::kTimeStaysAfterReceive, "received twice"}});
}

TEST(TimerMutantsTest, TwoReceivers) {
  ExpectFound(TwoReceiversOfATicker(), Bounds(2, 1),
              {{chan_mutants::kEarlyAlarmIsTheLast, kStuck}});
}

TEST(TimerMutantsTest, Reset) {
  ExpectFound(ResetWhileSomebodyWaits(kBefore, kAnew), Bounds(4, 2),
              {{chan_mutants::kAlarmDoesNotLookAtTheClock, "before it was due"},
               {chan_mutants::kEarlyAlarmIsTheLast, kStuck}});
  ExpectFound(
      ResetWhileSomebodyWaits(kAnew, kBefore), Bounds(4, 2),
      {{chan_mutants::kLateAlarmIsLeft, kStuck}, {chan_mutants::kResetSetsNoAlarm, kStuck}});
}

TEST(TimerMutantsTest, Select) {
  ExpectFound(SelectAgainstFire(), Bounds(2, 1),
              {{chan_mutants::kAlarmForNobodyTakesTheTime, "the time"}});
}

TEST(TimerMutantsTest, LastHandle) {
  ExpectFound(LastHandleAgainstFire(), Bounds(2, 1),
              {{chan_mutants::kLastHandleDoesNotWait, "destruction"},
               {chan_mutants::kLastHandleLeavesTheAlarm, "destruction"},
               {chan_mutants::kStaleAlarmNotCounted, "destruction"}});
  ExpectFound(StopAndLastHandleAgainstFire(), Bounds(2, 1),
              {{chan_mutants::kStaleAlarmNotCounted, "destruction"}});
}

}  // namespace
}  // namespace weft::chan_model
