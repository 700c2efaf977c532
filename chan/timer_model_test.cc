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

TEST(TimerModelTest, ResetTellsWhetherTheOldTimeWasReceived) {
  ExpectSound(ResetAgainstFireAndReceive(), Bounds(3, 2));
}

TEST(TimerModelTest, NoTickAfterStop) { ExpectSound(StopAgainstTicks(), Bounds(4, 2)); }

TEST(TimerModelTest, LastHandleWaitsForTheCallback) {
  ExpectSound(LastHandleAgainstFire());
  ExpectSound(ResetAndLastHandleAgainstFire(), Bounds(4, 2));
}

}  // namespace
}  // namespace weft::chan_model
