// Timer channels under the model explorer. Without bounds a program is explored exhaustively.
#include "gtest/gtest.h"
#include "weft/chan/model_timer_programs.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::chan_model {
namespace {

using model::Bounds;
using model::ExpectSound;

TEST(TimerModelTest, NothingIsReceivedAfterStop) { ExpectSound(StopAgainstFire()); }

TEST(TimerModelTest, NothingOldIsReceivedAfterReset) { ExpectSound(ResetAgainstFire()); }

TEST(TimerModelTest, WhatIsDueIsReceivedOnce) { ExpectSound(ReceiveAgainstFire()); }

TEST(TimerModelTest, OneTickIsForOne) { ExpectSound(TwoReceiversOfATicker(), Bounds(2, 1)); }

TEST(TimerModelTest, ResetTellsWhetherTheOldTimeWasReceived) {
  ExpectSound(ResetAgainstFireAndReceive(), Bounds(3, 2));
}

TEST(TimerModelTest, ResetMovesTheAlarm) {
  ExpectSound(ResetWhileSomebodyWaits(kBefore, kAnew), Bounds(4, 2));
  ExpectSound(ResetWhileSomebodyWaits(kAnew, kBefore), Bounds(4, 2));
}

TEST(TimerModelTest, NoTickAfterStop) { ExpectSound(StopAgainstTicks(), Bounds(4, 2)); }

TEST(TimerModelTest, SelectTakesTheTimeOrLeavesIt) {
  ExpectSound(SelectAgainstFire(), Bounds(2, 1));
}

TEST(TimerModelTest, LastHandleWaitsForTheAlarm) {
  ExpectSound(LastHandleAgainstFire(), Bounds(2, 1));
  ExpectSound(StopAndLastHandleAgainstFire(), Bounds(2, 1));
}

}  // namespace
}  // namespace weft::chan_model
