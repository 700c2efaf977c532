// The protocol of handoff.h and runtime_gate.h, on the scheduler's own code: a processor has one
// holder at most, none is lost, no fiber is left with nobody, and those who come back are counted
// off.
#include "weft/sched/internal/handoff.h"

#include "gtest/gtest.h"
#include "weft/sched/internal/handoff_programs.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal::handoff_model {
namespace {

using model::ExpectSound;

TEST(HandOffModelTest, WorkerInUserCodeComesAndGoes) {
  ExpectSound(HogComesAndGoesAlone(), Within(2));
  ExpectSound(HogTakesNote(), Within(2));
  ExpectSound(HogComesAndGoes(/*sleeper=*/true), Within(2));
  ExpectSound(HogComesAndGoes(/*sleeper=*/false), Within(1));
}

TEST(HandOffModelTest, TwoTakers) { ExpectSound(TwoTakers(), Within(1)); }

TEST(HandOffModelTest, FormerHolderRegains) {
  ExpectSound(HogComesToASafePoint(/*takes=*/1), Within(1));
  ExpectSound(HogComesToASafePoint(/*takes=*/2), Within(1));
}

TEST(HandOffModelTest, CallEndsWhileItIsRetaken) {
  ExpectSound(CallEnds(/*waiting=*/true, /*sleeper=*/true), Within(2));
  ExpectSound(CallEnds(/*waiting=*/true, /*sleeper=*/false), Within(1));
  ExpectSound(CallEnds(/*waiting=*/false, /*sleeper=*/true), Within(2));
}

TEST(HandOffModelTest, HogSubmits) { ExpectSound(HogSubmits(), Within(2, 0)); }

TEST(HandOffModelTest, TimerIsServedMeanwhile) {
  ExpectSound(PlainThreadArmsATimerMeanwhile(), Within(2, 0));
}

TEST(HandOffModelTest, GomaxprocsGoesDownMeanwhile) {
  ExpectSound(LoweredMeanwhile(), Within(1, 0));
}

TEST(HandOffModelTest, GomaxprocsGoesDownAndUpMeanwhile) {
  ExpectSound(LoweredAndRaisedMeanwhile(), Within(1, 0));
}

TEST(HandOffModelTest, HogIsStopped) { ExpectSound(HogIsStopped(), Within(1, 0)); }

}  // namespace
}  // namespace weft::sched_internal::handoff_model
