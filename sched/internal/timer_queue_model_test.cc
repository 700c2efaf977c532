// Cancelling a timer against its callback, on the real queue: all interleavings.
#include "weft/sched/internal/timer_queue.h"

#include "gtest/gtest.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal {
namespace {

constexpr int64_t kDue = 100;

struct Timer : SchedTimer {
  Timer() : SchedTimer(&Fire) {}

  static void Fire(SchedTimer* timer, int64_t) {
    auto* self = static_cast<Timer*>(timer);
    self->fired.Set(self->fired.Get() + 1);
    if (self->again != nullptr) {
      // Arm() in a callback is serialized with Cancel(), as every Arm() is: timer.h.
      SpinLockHolder hold(self->owner);
      self->again->Add(self, 2 * kDue);
    }
  }

  model::Var<int> fired{0};
  TimerQueue* again = nullptr;  // where the callback arms it once more
  SpinLock owner;
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

// The callback arms the timer in another queue while somebody cancels it: a cancel that succeeds
// leaves it armed nowhere.
TEST(TimerQueueModelTest, CancelFollowsTheTimerToItsNextQueue) {
  model::ExpectSound([](model::Program& p) {
    auto& s = p.Make<State>();
    s.timer.again = &s.other;
    s.queue.Add(&s.timer, kDue);
    p.Thread([&s] { s.queue.RunDue(kDue); });
    p.Thread([&s] {
      SpinLockHolder hold(s.timer.owner);
      s.cancelled = TimerQueue::Remove(&s.timer, /*wait=*/false);
    });
    p.Finally([&s] {
      const bool fired = s.timer.fired.Get() == 1;
      const bool armed = s.other.next_when() != TimerQueue::kNever;
      model::Check(s.queue.next_when() == TimerQueue::kNever);
      model::Check(s.cancelled ? !armed : fired && armed);
    });
  });
}

}  // namespace
}  // namespace weft::sched_internal
