// Cancelling a timer against its callback, on the real queue: all interleavings.
#include "weft/sched/internal/timer_queue.h"

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal {
namespace {

constexpr int64_t kDue = 100;

struct Timer : SchedTimer {
  Timer() : SchedTimer(&Fire) {}

  static void Fire(SchedTimer* timer, int64_t) {
    auto* self = static_cast<Timer*>(timer);
    if (self->again != nullptr) self->again->Add(self, 2 * kDue);
    self->fired.Set(self->fired.Get() + 1);
  }

  model::Var<int> fired{0};
  TimerQueue* again = nullptr;  // where the callback would arm it once more
};

struct State {
  TimerQueue queue{0};
  TimerQueue other{0};
  Timer timer;
  bool cancelled = false;
  bool postponed = false;
};

// Either Remove() prevents the callback, or it runs: never both, never neither.
TEST(TimerQueueModelTest, CancelOrCallbackNotBoth) {
  model::ExpectSound([](model::Program& p) {
    auto& s = p.Make<State>();
    s.queue.Add(&s.timer, kDue);
    p.Thread([&s] { s.queue.RunDue(kDue); });
    p.Thread([&s] { s.cancelled = TimerQueue::Remove(&s.timer, /*wait=*/false); });
    p.Finally([&s] { model::Check(s.timer.fired.Get() == (s.cancelled ? 0 : 1)); });
  });
}

// After CancelAndWait() the callback is not running, and what it did is known: the explorer reports
// the read as a race otherwise.
TEST(TimerQueueModelTest, CancelAndWaitKnowsWhatTheCallbackDid) {
  model::ExpectSound([](model::Program& p) {
    auto& s = p.Make<State>();
    s.queue.Add(&s.timer, kDue);
    p.Thread([&s] { s.queue.RunDue(kDue); });
    p.Thread([&s] {
      const bool cancelled = TimerQueue::Remove(&s.timer, /*wait=*/true);
      model::Check(s.timer.fired.Get() == (cancelled ? 0 : 1));
    });
  });
}

// Without waiting nothing is known of a callback that has begun.
TEST(TimerQueueModelTest, CancelAloneDoesNotWait) {
  model::ExpectBroken(
      [](model::Program& p) {
        auto& s = p.Make<State>();
        s.queue.Add(&s.timer, kDue);
        p.Thread([&s] { s.queue.RunDue(kDue); });
        p.Thread([&s] {
          TimerQueue::Remove(&s.timer, /*wait=*/false);
          s.timer.fired.Get();
        });
      },
      "race");
}

// A timer that was postponed runs when it is due then, and not before.
TEST(TimerQueueModelTest, PostponeOrCallbackNotBoth) {
  for (int64_t due : {kDue, int64_t{1} << 20}) {  // in the heap, in the wheel
    model::ExpectSound([due](model::Program& p) {
      auto& s = p.Make<State>();
      s.queue.Add(&s.timer, due);
      p.Thread([&s, due] { s.queue.RunDue(due); });
      p.Thread([&s, due] { s.postponed = TimerQueue::Postpone(&s.timer, 2 * due); });
      p.Finally([&s, due] {
        model::Check(s.timer.fired.Get() == (s.postponed ? 0 : 1));
        s.queue.RunDue(2 * due - 1);
        model::Check(s.timer.fired.Get() == (s.postponed ? 0 : 1));
        s.queue.RunDue(2 * due);
        model::Check(s.timer.fired.Get() == 1);
      });
    });
  }
}

// Two that run what is due: the callback is called by one of them.
TEST(TimerQueueModelTest, OneOfTwoRunners) {
  model::ExpectSound([](model::Program& p) {
    auto& s = p.Make<State>();
    s.queue.Add(&s.timer, kDue);
    p.Thread([&s] { s.queue.RunDue(kDue); });
    p.Thread([&s] { s.queue.RunDue(kDue); });
    p.Finally([&s] { model::Check(s.timer.fired.Get() == 1); });
  });
}

// The callback arms the timer again, on a thread that has a queue of its own, while somebody
// cancels it: a cancel that succeeds leaves it armed nowhere, and one that fails leaves it armed.
TEST(TimerQueueModelTest, CallbackArmsAgainWhileTheTimerIsCancelled) {
  model::ExpectSound([](model::Program& p) {
    auto& s = p.Make<State>();
    s.timer.again = &s.other;
    s.queue.Add(&s.timer, kDue);
    p.Thread([&s] { s.queue.RunDue(kDue); });
    p.Thread([&s] { s.cancelled = TimerQueue::Remove(&s.timer, /*wait=*/false); });
    p.Finally([&s] {
      const bool armed = s.queue.next_when() != TimerQueue::kNever;
      model::Check(s.other.next_when() == TimerQueue::kNever);
      model::Check(armed != s.cancelled);
      model::Check(s.timer.fired.Get() == 1 || s.cancelled);
    });
  });
}

// The same, waiting: the callback has returned, and what it armed is cancelled.
TEST(TimerQueueModelTest, CancelAndWaitEndsATimerThatArmsItself) {
  model::ExpectSound([](model::Program& p) {
    auto& s = p.Make<State>();
    s.timer.again = &s.other;
    s.queue.Add(&s.timer, kDue);
    p.Thread([&s] { s.queue.RunDue(kDue); });
    p.Thread([&s] {
      model::Check(TimerQueue::Remove(&s.timer, /*wait=*/true));
      const int fired = s.timer.fired.Get();
      model::Check(fired == 0 || fired == 1);
      model::Check(s.other.next_when() == TimerQueue::kNever);
      model::Check(s.queue.next_when() == TimerQueue::kNever);
    });
  });
}

// The owner arms it elsewhere while its callback still runs: whoever cancels it then finds it.
TEST(TimerQueueModelTest, OwnerArmsAgainWhileTheCallbackRuns) {
  model::ExpectSound([](model::Program& p) {
    auto& s = p.Make<State>();
    s.queue.Add(&s.timer, kDue);
    p.Thread([&s] { s.queue.RunDue(kDue); });
    p.Thread([&s] {
      TimerQueue::Remove(&s.timer, /*wait=*/false);
      s.other.Add(&s.timer, 2 * kDue);
      model::Check(TimerQueue::Remove(&s.timer, /*wait=*/false));
      model::Check(s.other.next_when() == TimerQueue::kNever);
      model::Check(!TimerQueue::Remove(&s.timer, /*wait=*/false));
    });
  });
}

}  // namespace
}  // namespace weft::sched_internal
