// Small programs of contexts for the model explorer, over the real nodes, channels and handles:
// contexts are made, cancelled, watched and forgotten at the same time. At the end everything has
// been forgotten, and no node may be left.
//
// A node's memory is not used again within an execution (model_heap.h), and each node has atomics
// in it: so what is done to a node after its end, and what its end does not wait for, is found.
//
// Included by tests only: by context_model_test.cc with the real headers, and by
// context_mutants_test.cc with copies that have bugs.
#ifndef WEFT_CONTEXT_MODEL_PROGRAMS_H_
#define WEFT_CONTEXT_MODEL_PROGRAMS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/model.h"
#include "weft/sched/testing/model_expect.h"
#include "weft/sched/testing/model_heap.h"
#include "weft/sched/testing/model_timer.h"
#include "weft/sync/cancellation.h"

namespace weft::context_model {

namespace model = sched_internal::model;
using model::Check;
using model::Program;
using model::ProgramFn;

// A context and what cancels it: two handles.
using Owned = std::pair<Context, CancelFunc>;

inline void Forget(Owned& owned) { owned = Owned(); }

// A root, and what programs make below it.
struct Family {
  Family() : root(WithCancel(top)) {}

  // At the end of a program.
  void CheckNoneLeft() {
    for (Owned* owned : {&root, &first, &second, &below}) Forget(*owned);
    channel = RecvChan<Empty>();
    Check(model::LiveBlocks() == 0, "a node is left");
  }

  const Context top = Background();
  Owned root;
  Owned first;
  Owned second;
  Owned below;
  RecvChan<Empty> channel;
};

// `prepare` makes what the threads begin with; each thread does one of `bodies`; then `check`.
template <typename Prepare, typename Last, typename... Bodies>
ProgramFn Of(Prepare prepare, Last check, Bodies... bodies) {
  return [=](Program& p) {
    model::BeginHeap();
    auto& family = p.Make<Family>();
    prepare(family);
    (p.Thread([&family, bodies] { bodies(family); }), ...);
    p.Finally([&family, check] {
      check(family);
      family.CheckNoneLeft();
    });
  };
}

inline void NothingMore(Family&) {}
inline void MakeFirst(Family& f) { f.first = WithCancel(f.root.first); }
inline void MakeBoth(Family& f) {
  MakeFirst(f);
  f.second = WithCancel(f.root.first);
}
inline void CancelRoot(Family& f) { f.root.second(); }
inline void CancelFirst(Family& f) { f.first.second(); }
inline void ForgetRoot(Family& f) { Forget(f.root); }
inline void ForgetFirst(Family& f) { Forget(f.first); }
inline void ForgetSecond(Family& f) { Forget(f.second); }
inline void ForgetBelow(Family& f) { Forget(f.below); }

inline bool IsClosed(const Context& context) { return context.Done().TryRecv().closed(); }

// Go's rule: who sees the error finds the channel closed, and the other way round.
inline void CheckAgree(const Context& context) {
  if (!context.Err().ok()) Check(IsClosed(context), "an error, but the channel is open");
  if (IsClosed(context)) {
    Check(!context.Err().ok(), "the channel is closed, but there is no error");
    Check(!Cause(context).ok(), "the channel is closed, but there is no cause");
  }
}
inline void CheckCancelled(const Context& context) {
  Check(context.Err().code() == absl::StatusCode::kCancelled, "the parent's end did not reach it");
  Check(IsClosed(context), "an error, but the channel is open");
}

// --- Handles. ---

// The two handles of a context go at the same time.
inline ProgramFn HandlesGo() {
  return Of(
      NothingMore, NothingMore, [](Family& f) { f.root.first = Context(); },
      [](Family& f) { f.root.second = CancelFunc(); });
}

// The last handle makes another.
inline ProgramFn HandleIsCopiedAndBothGo() {
  return Of(
      NothingMore, NothingMore,
      [](Family& f) {
        const Context copy = f.root.first;
        f.root.first = Context();
      },
      [](Family& f) { f.root.second = CancelFunc(); });
}

// Of a parent and its child the last handles go at the same time; either may end the parent.
inline ProgramFn ParentAndChildGo() { return Of(MakeFirst, NothingMore, ForgetRoot, ForgetFirst); }

// Somebody still has the channel.
inline ProgramFn ChannelOutlivesTheContext() {
  return Of(
      [](Family& f) {
        MakeFirst(f);
        f.channel = f.first.first.Done();
      },
      NothingMore, ForgetFirst, [](Family& f) { f.channel = RecvChan<Empty>(); });
}

// --- The list of children. ---

// A child is forgotten while the parent is cancelled.
inline ProgramFn ChildGoesWhileTheParentCancels() {
  return Of(MakeFirst, NothingMore, CancelRoot, ForgetFirst);
}

// Of two, both are.
inline ProgramFn ChildrenGoWhileTheParentCancels() {
  return Of(MakeBoth, NothingMore, CancelRoot, ForgetFirst, ForgetSecond);
}

// One goes, and the other learns of the end all the same.
inline ProgramFn OneChildGoesAndTheOtherIsCancelled(bool the_newer) {
  return Of(
      MakeBoth, [the_newer](Family& f) { CheckCancelled((the_newer ? f.first : f.second).first); },
      CancelRoot, the_newer ? ForgetSecond : ForgetFirst);
}

// A child is made while the parent is cancelled: it is cancelled too, by one or the other.
inline ProgramFn ChildComesWhileTheParentCancels() {
  return Of(
      NothingMore, [](Family& f) { CheckCancelled(f.first.first); }, CancelRoot, MakeFirst);
}

// The child is cancelled on its own account, and forgotten, while the parent is.
inline ProgramFn BothAreCancelled() {
  return Of(MakeFirst, NothingMore, CancelRoot, [](Family& f) {
    f.first.second();
    CheckCancelled(f.first.first);
    Forget(f.first);
  });
}

// What is in the middle goes with its child, whose parent it is, while the root is cancelled.
inline ProgramFn ChainGoesWhileTheRootCancels() {
  return Of(
      [](Family& f) {
        MakeFirst(f);
        f.below = WithCancel(f.first.first);
        Forget(f.first);
      },
      NothingMore, CancelRoot, ForgetBelow);
}

// The same, and everybody is forgotten.
inline ProgramFn AllGoWhileTheRootCancels() {
  return Of(
      [](Family& f) {
        MakeFirst(f);
        f.below = WithCancel(f.first.first);
      },
      NothingMore,
      [](Family& f) {
        CancelRoot(f);
        ForgetRoot(f);
      },
      ForgetFirst, ForgetBelow);
}

// The one in the middle is cancelled at the same time.
inline ProgramFn TwoCancelOneTree() {
  return Of(
      [](Family& f) {
        MakeFirst(f);
        f.below = WithCancel(f.first.first);
      },
      [](Family& f) { CheckCancelled(f.below.first); }, CancelRoot, CancelFirst);
}

// --- What others see. ---

inline ProgramFn ErrAndDoneAgree() {
  return Of(MakeFirst, NothingMore, CancelRoot, [](Family& f) { CheckAgree(f.first.first); });
}

// The cause that a cancellation gives is seen with the error.
inline ProgramFn CauseIsSeenWithTheError() {
  return Of(
      MakeFirst, [](Family& f) { Check(Cause(f.first.first).message() == "why", "another cause"); },
      [](Family& f) { CancelCauseFunc(f.root.first)(absl::AbortedError("why")); },
      [](Family& f) {
        if (!Cause(f.first.first).ok())
          Check(Cause(f.first.first).message() == "why", "another cause");
      });
}

// --- Watchers. ---

struct Watcher : CancelWatcher {
  Watcher() : CancelWatcher([](CancelWatcher* self) { static_cast<Watcher*>(self)->Note(); }) {}
  void Note() { notes.Set(notes.Get() + 1); }

  model::Var<int> notes{0};
};

// Who waits goes away again; its frame goes with it.
inline ProgramFn WatcherLeavesWhileItIsNotified() {
  return Of(NothingMore, NothingMore, CancelRoot, [](Family& f) {
    Watcher watcher;
    if (!f.root.first.Watch(&watcher)) return CheckCancelled(f.root.first);
    f.root.first.Unwatch(&watcher);
    Check(watcher.notes.Get() <= 1, "notified twice");
  });
}

// Who waits is woken, or told that it is too late.
inline ProgramFn WatcherWaits() {
  struct Waiting : CancelWatcher {
    Waiting()
        : CancelWatcher([](CancelWatcher* self) { Ready(static_cast<Waiting*>(self)->me); }) {}
    Parkable* const me = CurrentParkable();
  };
  return Of(NothingMore, NothingMore, CancelRoot, [](Family& f) {
    Waiting watcher;
    if (!f.root.first.Watch(&watcher)) return CheckCancelled(f.root.first);
    Park(WaitReason::kSelect);
    f.root.first.Unwatch(&watcher);
    Check(!f.root.first.Err().ok(), "woken before the end");
  });
}

// AfterFunc(): the function runs, or is stopped, never both, and never neither.
inline ProgramFn AfterFuncRunsOrIsStopped() {
  return [](Program& p) {
    model::BeginHeap();
    auto& f = p.Make<Family>();
    auto& ran = p.Make<model::Var<int>>(0);
    auto& stopped = p.Make<int>(0);
    p.Thread([&f] { CancelRoot(f); });
    p.Thread([&] {
      const StopFunc stop = AfterFunc(f.root.first, [&ran] { ran.Set(ran.Get() + 1); });
      stopped = stop() ? 1 : 0;
    });
    p.Finally([&] {
      Check(ran.Get() + stopped == 1, "neither run nor stopped, or both");
      f.CheckNoneLeft();
    });
  };
}

// --- Timers. ---

inline void MakeDeadline(Family& f) { f.first = WithTimeout(f.root.first, absl::Nanoseconds(4)); }
inline void Fire(Family&) { model::FireTimers(1'000'000'000); }

// The last handle goes while the timer fires.
inline ProgramFn DeadlineComesToOneThatGoes() {
  return Of(MakeDeadline, NothingMore, Fire, ForgetFirst);
}

// The parent is cancelled while the timer fires.
inline ProgramFn DeadlineComesWhileTheParentCancels() {
  return Of(
      MakeDeadline,
      [](Family& f) { Check(!f.first.first.Err().ok(), "the deadline has not reached it"); },
      CancelRoot, Fire);
}

// The parent is cancelled, the last handle goes, and the timer fires.
inline ProgramFn DeadlineComesToOneThatIsCancelledAndGoes() {
  return Of(MakeDeadline, NothingMore, CancelRoot, ForgetFirst, Fire);
}

// One with a deadline is made while its parent is cancelled: no timer is left that would keep it.
inline ProgramFn DeadlineIsSetWhileTheParentCancels() {
  return Of(
      NothingMore, [](Family& f) { CheckCancelled(f.first.first); }, CancelRoot, MakeDeadline);
}

}  // namespace weft::context_model

#endif  // WEFT_CONTEXT_MODEL_PROGRAMS_H_
