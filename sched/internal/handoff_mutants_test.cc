// Bugs planted into the hand-off of processors, one at a time (mutants.txt): the explorer finds
// each of them, with a program that is right without it.
#include <string_view>

#include "gtest/gtest.h"
#include "weft/sched/internal/mutated/internal/handoff_ends_programs.h"
#include "weft/sched/internal/mutated/internal/handoff_programs.h"
#include "weft/sched/internal/mutated/mutants.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal::handoff_model {
namespace {

constexpr std::string_view kRace = "data race";
// The worker has missed that its processor is gone.
constexpr std::string_view kMissed = "counts as detached";
constexpr std::string_view kLeft = "nobody can run";
constexpr std::string_view kTwice = "held twice";
constexpr std::string_view kFalseReport = "a false report";

class HandOffMutantsTest : public ::testing::Test {
 protected:
  ~HandOffMutantsTest() override { sched_mutants::planted = sched_mutants::kNone; }

  void ExpectFound(sched_mutants::Mutant mutant, const ProgramFn& program,
                   const model::Options& bounds, std::string_view words) {
    sched_mutants::planted = mutant;
    model::ExpectBroken(program, words, bounds);
  }
};

// The worker's way into the runtime against the taker.

TEST_F(HandOffMutantsTest, NoBarrier) {
  ExpectFound(sched_mutants::kNoBarrier, HogComesAndGoesAlone(), Within(2), kMissed);
}

TEST_F(HandOffMutantsTest, NoBarrierForOthers) {
  ExpectFound(sched_mutants::kNoBarrierForOthers, HogComesAndGoesAlone(), Within(2), kMissed);
}

TEST_F(HandOffMutantsTest, EntersAlthoughItIsTaken) {
  ExpectFound(sched_mutants::kEntersAlthoughItIsTaken, HogComesAndGoesAlone(), Within(2), kRace);
}

TEST_F(HandOffMutantsTest, LeavesByRelaxed) {
  ExpectFound(sched_mutants::kLeavesByRelaxed, HogComesAndGoesAlone(), Within(2), kRace);
}

TEST_F(HandOffMutantsTest, TakerLooksByRelaxed) {
  ExpectFound(sched_mutants::kTakerLooksByRelaxed, HogComesAndGoesAlone(), Within(2), kRace);
}

TEST_F(HandOffMutantsTest, TakesFromTheRuntime) {
  ExpectFound(sched_mutants::kTakesFromTheRuntime, HogComesAndGoesAlone(), Within(2), kMissed);
}

TEST_F(HandOffMutantsTest, ResetsBesideTheTaker) {
  ExpectFound(sched_mutants::kResetsBesideTheTaker, HogTakesNote(), Within(2), kMissed);
}

// What becomes of the processor.

TEST_F(HandOffMutantsTest, IdleWithoutALook) {
  ExpectFound(sched_mutants::kIdleWithoutALook, HogStaysAway(), Within(2), kLeft);
}

TEST_F(HandOffMutantsTest, IdleWithoutALookAtTimers) {
  ExpectFound(sched_mutants::kIdleWithoutALookAtTimers, PlainThreadArmsATimerMeanwhile(), Within(2),
              kLeft);
}

TEST_F(HandOffMutantsTest, RetiredWithFibers) {
  ExpectFound(sched_mutants::kRetiredWithFibers, LoweredMeanwhile(), Within(1, 0), kFalseReport);
}

TEST_F(HandOffMutantsTest, RegainsAndGivesNothingUp) {
  ExpectFound(sched_mutants::kRegainsAndGivesNothingUp, HogComesToASafePoint(1), Within(2, 0),
              "held twice");
}

// A thread leaves its processor of itself.

TEST_F(HandOffMutantsTest, LeavesAndGivesNothingAway) {
  ExpectFound(sched_mutants::kLeavesAndGivesNothingAway, LockedFiberWaits(true), Within(1, 0),
              kLeft);
}

TEST_F(HandOffMutantsTest, GivesAwayWhatItHolds) {
  ExpectFound(sched_mutants::kGivesAwayWhatItHolds, LockedFiberWaits(true), Within(1, 0), kTwice);
}

TEST_F(HandOffMutantsTest, GrantsAndKeeps) {
  ExpectFound(sched_mutants::kGrantsAndKeeps, LockedFiberWaits(true), Within(1, 0), kTwice);
}

TEST_F(HandOffMutantsTest, GrantsBeforeItDrops) {
  ExpectFound(sched_mutants::kGrantsBeforeItDrops, LockedFiberWaits(true), Within(1, 0), kTwice);
}

TEST_F(HandOffMutantsTest, EndsBesideTheTaker) {
  ExpectFound(sched_mutants::kEndsBesideTheTaker, ThreadEndsWithItsFiber(true), Within(2), kRace);
}

TEST_F(HandOffMutantsTest, TakesFromOneWhoseThreadHasEnded) {
  ExpectFound(sched_mutants::kTakesFromOneWhoseThreadHasEnded, ThreadEndsWithItsFiber(true),
              Within(2), kRace);
}

TEST_F(HandOffMutantsTest, AsksOneWhoseThreadHasEnded) {
  ExpectFound(sched_mutants::kAsksOneWhoseThreadHasEnded, ThreadEndsWhileGomaxprocsGoesDown(),
              Within(1), kRace);
}

TEST_F(HandOffMutantsTest, EndsAndGivesNothingAway) {
  ExpectFound(sched_mutants::kEndsAndGivesNothingAway, ThreadEndsWithItsFiber(true), Within(1),
              kLeft);
}

// Who finds out that all are asleep.

TEST_F(HandOffMutantsTest, LastOnesDoNotLook) {
  ExpectFound(sched_mutants::kTakesAndDoesNotLook, AllFallAsleep(/*locked=*/false), Within(1),
              kLeft);
  ExpectFound(sched_mutants::kLeavesAndDoesNotLook, AllFallAsleep(/*locked=*/true), Within(1),
              kLeft);
  ExpectFound(sched_mutants::kEndsAndDoesNotLook, AllFallAsleepWhenAThreadEnds(), Within(1), kLeft);
}

TEST_F(HandOffMutantsTest, IdleLookedAtByRelaxed) {
  ExpectFound(sched_mutants::kIdleLookedAtByRelaxed, AllFallAsleepWhenAThreadEnds(), Within(2),
              kLeft);
}

// Who counts.

TEST_F(HandOffMutantsTest, StaysDetached) {
  ExpectFound(sched_mutants::kStaysDetached, HogComesAndGoes(true), Within(2), kMissed);
}

TEST_F(HandOffMutantsTest, CountedOffBeforeItIsQueued) {
  ExpectFound(sched_mutants::kCountedOffBeforeItIsQueued, HogIsStopped(), Within(1, 0),
              kFalseReport);
}

TEST_F(HandOffMutantsTest, DetachedDoNotCount) {
  ExpectFound(sched_mutants::kDetachedDoNotCount, HogSubmits(), Within(1), kFalseReport);
}

TEST_F(HandOffMutantsTest, ProcessorsUnderWayDoNotCount) {
  ExpectFound(sched_mutants::kProcessorsUnderWayDoNotCount, LoweredMeanwhile(), Within(1, 0),
              kFalseReport);
}

}  // namespace
}  // namespace weft::sched_internal::handoff_model
