// Bugs planted into contexts, one at a time (mutants.txt): the explorer finds each of them, with a
// program that is right without it.
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "weft/context/mutated/model_programs.h"
#include "weft/context/mutated/mutants.h"
#include "weft/sched/testing/planted_bugs.h"

namespace weft::context_model {
namespace {

// An end that does not wait for what others do, and something done after the end.
constexpr std::string_view kEnd = "destruction";
constexpr std::string_view kLeft = "a node is left";
constexpr std::string_view kOpen = "the channel is open";
constexpr std::string_view kMissed = "the parent's end did not reach it";

void ExpectFound(const ProgramFn& program,
                 const std::vector<model::PlantedBug<context_mutants::Mutant>>& bugs) {
  model::ExpectFound(context_mutants::planted, program, {}, bugs);
}

TEST(ContextMutantsTest, Handles) {
  ExpectFound(HandlesGo(), {{context_mutants::kLastHandleByRelaxed, kEnd},
                            {context_mutants::kHandleGoesWithoutRelease, kEnd},
                            {context_mutants::kHandleGoesWithoutAcquire, kEnd},
                            {context_mutants::kTwoTakenForAlone, kEnd}});
}

TEST(ContextMutantsTest, Pins) {
  ExpectFound(ChildGoesWhileTheParentCancels(), {{context_mutants::kLastPinByRelaxed, kEnd},
                                                 {context_mutants::kUnpinsWithoutRelease, kEnd},
                                                 {context_mutants::kUnpinsWithoutAcquire, kEnd},
                                                 {context_mutants::kUnpinsByLoadAndStore, kLeft},
                                                 {context_mutants::kPinsOutsideTheLock, kEnd},
                                                 {context_mutants::kDoesNotPin, kEnd}});
  ExpectFound(BothAreCancelled(), {{context_mutants::kKeepsThePinOfOneThatIsCancelled, kLeft}});
}

TEST(ContextMutantsTest, ListOfChildren) {
  ExpectFound(ChildGoesWhileTheParentCancels(), {{context_mutants::kDoesNotDetach, kEnd}});
  ExpectFound(ChildrenGoWhileTheParentCancels(),
              {{context_mutants::kNextChildPointsBack, kEnd},
               {context_mutants::kDetachesWithoutTheLock, kEnd}});
  ExpectFound(OneChildGoesAndTheOtherIsCancelled(/*the_newer=*/true),
              {{context_mutants::kTakenChildCountsAsAttached, kMissed},
               {context_mutants::kDetachedWithoutALook, kMissed}});
  ExpectFound(ChildComesWhileTheParentCancels(),
              {{context_mutants::kAdoptsAfterTheEnd, kMissed},
               {context_mutants::kLooksBeforeTheLockIsTaken, kMissed},
               {context_mutants::kLateChildIsNotCancelled, kMissed},
               {context_mutants::kAloneThoughItHasChildren, kMissed}});
}

TEST(ContextMutantsTest, Cancelling) {
  ExpectFound(BothAreCancelled(), {{context_mutants::kTwoCancel, "closed"}});
  ExpectFound(ErrAndDoneAgree(), {{context_mutants::kSaysClosedBeforeItIs, kOpen},
                                  {context_mutants::kClosedPublishedByRelaxed, kOpen},
                                  {context_mutants::kErrByRelaxed, kOpen},
                                  {context_mutants::kErrDoesNotWait, kOpen},
                                  {context_mutants::kErrIsOkUntilItIsClosed, "there is no error"}});
}

TEST(ContextMutantsTest, Watchers) {
  ExpectFound(WatcherLeavesWhileItIsNotified(),
              {{context_mutants::kLeavesWhileItIsNotified, "data race"},
               {context_mutants::kNotifiesUnderNoName, "data race"}});
  ExpectFound(WatcherWaits(), {{context_mutants::kWatchesWhatHasEnded, "nobody can run"},
                               {context_mutants::kAloneThoughItIsWatched, "nobody can run"}});
}

TEST(ContextMutantsTest, Deadlines) {
  ExpectFound(DeadlineComesToOneThatGoes(), {{context_mutants::kTimerFiresWithoutItsPin, kEnd}});
  ExpectFound(DeadlineComesWhileTheParentCancels(),
              {{context_mutants::kCancelledLeavesItsTimersPin, kLeft}});
  ExpectFound(DeadlineIsSetWhileTheParentCancels(),
              {{context_mutants::kArmsForOneThatIsCancelled, kLeft},
               {context_mutants::kTooLateToArmKeepsThePin, kLeft}});
}

}  // namespace
}  // namespace weft::context_model
