// Contexts under the model explorer: each program under all schedules, without bounds.
#include "gtest/gtest.h"
#include "weft/context/model_programs.h"

namespace weft::context_model {
namespace {

using model::ExpectSound;

TEST(ContextModelTest, Handles) {
  ExpectSound(HandlesGo());
  ExpectSound(HandleIsCopiedAndBothGo());
  ExpectSound(ParentAndChildGo());
  ExpectSound(ChannelOutlivesTheContext());
}

TEST(ContextModelTest, ChildGoesWhileTheParentCancels) {
  ExpectSound(ChildGoesWhileTheParentCancels());
  ExpectSound(OneChildGoesAndTheOtherIsCancelled(/*the_newer=*/true));
  ExpectSound(OneChildGoesAndTheOtherIsCancelled(/*the_newer=*/false));
}

TEST(ContextModelTest, ChildrenGoWhileTheParentCancels) {
  ExpectSound(ChildrenGoWhileTheParentCancels());
}

TEST(ContextModelTest, ChildComesWhileTheParentCancels) {
  ExpectSound(ChildComesWhileTheParentCancels());
}

TEST(ContextModelTest, BothAreCancelled) { ExpectSound(BothAreCancelled()); }

TEST(ContextModelTest, Chain) {
  ExpectSound(ChainGoesWhileTheRootCancels());
  ExpectSound(AllGoWhileTheRootCancels());
  ExpectSound(TwoCancelOneTree());
}

TEST(ContextModelTest, ErrAndDoneAgree) {
  ExpectSound(ErrAndDoneAgree());
  ExpectSound(CauseIsSeenWithTheError());
}

TEST(ContextModelTest, Watchers) {
  ExpectSound(WatcherLeavesWhileItIsNotified());
  ExpectSound(WatcherWaits());
  ExpectSound(AfterFuncRunsOrIsStopped());
}

TEST(ContextModelTest, Deadlines) {
  ExpectSound(DeadlineComesToOneThatGoes());
  ExpectSound(DeadlineComesWhileTheParentCancels());
  ExpectSound(DeadlineComesToOneThatIsCancelledAndGoes());
  ExpectSound(DeadlineIsSetWhileTheParentCancels());
}

}  // namespace
}  // namespace weft::context_model
