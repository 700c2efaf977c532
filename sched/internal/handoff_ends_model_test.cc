// The protocol of handoff.h where a thread leaves its processor of itself: its fiber is locked to
// it, and waits or ends. And whether the last who falls asleep is found.
#include "gtest/gtest.h"
#include "weft/sched/internal/handoff.h"
#include "weft/sched/internal/handoff_ends_programs.h"
#include "weft/sched/internal/handoff_programs.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal::handoff_model {
namespace {

using model::ExpectSound;

TEST(HandOffEndsModelTest, FiberIsLockedToItsThread) {
  ExpectSound(LockedFiberWaits(/*waiting=*/true), Within(1, 0));
  ExpectSound(LockedFiberWaits(/*waiting=*/false), Within(1));
  ExpectSound(LockedHogComesToASafePoint(), Within(1));
}

TEST(HandOffEndsModelTest, ThreadEndsWithItsFiber) {
  ExpectSound(ThreadEndsWithItsFiber(/*sleeper=*/true), Within(2));
  ExpectSound(ThreadEndsWithItsFiber(/*sleeper=*/false), Within(1));
  ExpectSound(ThreadEndsWhileGomaxprocsGoesDown(), Within(1));
}

TEST(HandOffEndsModelTest, LastToFallAsleepIsFound) {
  ExpectSound(AllFallAsleep(/*locked=*/false), Within(2));
  ExpectSound(AllFallAsleep(/*locked=*/true), Within(2));
  ExpectSound(AllFallAsleepWhenAThreadEnds(), Within(2));
}

}  // namespace
}  // namespace weft::sched_internal::handoff_model
