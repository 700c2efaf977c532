// Bugs planted into the protocol of idle workers, one at a time (mutants.txt): the explorer finds
// each of them, with a program that is right without it.
#include <string_view>

#include "gtest/gtest.h"
#include "weft/sched/internal/mutated/internal/idle_workers_programs.h"
#include "weft/sched/internal/mutated/mutants.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal::idle_model {
namespace {

constexpr std::string_view kLeft = "nobody can run";

class IdleWorkersMutantsTest : public ::testing::Test {
 protected:
  ~IdleWorkersMutantsTest() override { sched_mutants::planted = sched_mutants::kNone; }

  void ExpectFound(sched_mutants::Mutant mutant, const ProgramFn& program,
                   const model::Options& bounds, std::string_view words = kLeft) {
    sched_mutants::planted = mutant;
    model::ExpectBroken(program, words, bounds);
  }
};

// The two lines of the submitter and the two of the worker that gives up.

TEST_F(IdleWorkersMutantsTest, RecheckDropped) {
  ExpectFound(sched_mutants::kRecheckDropped, PlainThreadSubmits(1, 1), {});
  ExpectFound(sched_mutants::kRecheckDropped, BusyFiberSubmits(2, 1), {});
}

TEST_F(IdleWorkersMutantsTest, CountedOffByAcqRel) {
  ExpectFound(sched_mutants::kCountedOffByAcqRel, BusyFiberSubmits(2, 1), {});
}

TEST_F(IdleWorkersMutantsTest, SubmitterLooksByAcquire) {
  ExpectFound(sched_mutants::kSubmitterLooksByAcquire, BusyFiberSubmits(2, 1), {});
}

TEST_F(IdleWorkersMutantsTest, RingPublishedByRelease) {
  ExpectFound(sched_mutants::kRingPublishedByRelease, BusyFiberSubmits(2, 1), {});
}

TEST_F(IdleWorkersMutantsTest, GlobalPublishedByRelease) {
  ExpectFound(sched_mutants::kGlobalPublishedByRelease, PlainThreadSubmits(1, 1), {});
}

TEST_F(IdleWorkersMutantsTest, GlobalLookedAtByAcquire) {
  ExpectFound(sched_mutants::kGlobalLookedAtByAcquire, PlainThreadSubmits(1, 1), {});
}

// A fiber that is in the ring before it has been left.

TEST_F(IdleWorkersMutantsTest, RotatesUnmarked) {
  ExpectFound(sched_mutants::kRotatesUnmarked, BusyFiberIsYieldedTo(2), Within(3), "");
}

TEST_F(IdleWorkersMutantsTest, LeftByRelaxed) {
  ExpectFound(sched_mutants::kLeftByRelaxed, BusyFiberIsYieldedTo(2), Within(3), "race");
}

TEST_F(IdleWorkersMutantsTest, RotationTakesByRelaxed) {
  ExpectFound(sched_mutants::kRotationTakesByRelaxed, BusyFiberIsYieldedTo(2), Within(3));
}

// Searchers that are counted although they do not search.

TEST_F(IdleWorkersMutantsTest, SleepsAsASearcher) {
  ExpectFound(sched_mutants::kSleepsAsASearcher, PlainThreadSubmits(1, 1), {});
}

TEST_F(IdleWorkersMutantsTest, RunsAsASearcher) {
  ExpectFound(sched_mutants::kRunsAsASearcher, OneFiberWaitsForTheOther(1), Within(2));
}

TEST_F(IdleWorkersMutantsTest, FindsWorkAndWakesNobody) {
  ExpectFound(sched_mutants::kFindsWorkAndWakesNobody, OneFiberWaitsForTheOther(1), Within(2));
}

TEST_F(IdleWorkersMutantsTest, WakerLooksOnce) {
  ExpectFound(sched_mutants::kWakerLooksOnce, WakerFindsNobody(), Within(2, 0));
}

// Timers.

TEST_F(IdleWorkersMutantsTest, TimerRecheckDropped) {
  ExpectFound(sched_mutants::kTimerRecheckDropped, PlainThreadArmsATimer(1), {});
}

TEST_F(IdleWorkersMutantsTest, TimerWakerDoesNotLook) {
  ExpectFound(sched_mutants::kTimerWakerDoesNotLook, PlainThreadArmsATimer(1), {});
}

// Too many.

TEST_F(IdleWorkersMutantsTest, WakersDoNotExclude) {
  ExpectFound(sched_mutants::kWakersDoNotExclude, TwoSubmitToSleepers(), {}, "two were woken");
}

TEST_F(IdleWorkersMutantsTest, SearchersDoNotExclude) {
  ExpectFound(sched_mutants::kSearchersDoNotExclude, AllRunDry(), {}, "half search");
}

}  // namespace
}  // namespace weft::sched_internal::idle_model
