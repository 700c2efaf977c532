#include "weft/chan/internal/timer_chan.h"

#include <new>
#include <optional>

#include "weft/chan/internal/fast_path.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/park.h"

namespace weft::chan_internal {

using sched_internal::SpinLockHolder;

int64_t DueAfter(absl::Duration d) {
  int64_t now = MonotonicNanos();
  if (d <= absl::ZeroDuration()) return now;
  int64_t ns = absl::ToInt64Nanoseconds(d);
  return ns >= kNeverDue - now ? kNeverDue : now + ns;
}

TimerChan::TimerChan()
    : ChanCore(ErasedElement<absl::Time>::kOps, slot_, 1, &End), SchedTimer(&Fire) {
  ::new (static_cast<void*>(slot_)) Sequence(0);
  HideBuffer();
}

// The last handle has gone. Nobody else can arm the timer; only callbacks that have begun are still
// to come, and each of them is either through its critical section or counted as stale.
void TimerChan::End(ChanCore* core) {
  auto* self = static_cast<TimerChan*>(core);
  for (bool first = true;; first = false) {
    {
      SpinLockHolder hold(self->timer_mu_);
      if (first) self->DisarmLocked();
      if (self->stale_ == 0) break;
    }
    sched_internal::ThreadYield();
  }
  delete self;
}

// Returns whether a callback was to come.
bool TimerChan::DisarmLocked() {
  if (!armed_) return false;
  armed_ = false;
  if (!Cancel()) ++stale_;
  return true;
}

bool TimerChan::Stop() { return Reset(kNeverDue, 0); }

bool TimerChan::Reset(int64_t when_ns, int64_t period_ns) {
  std::optional<absl::Time> unreceived;
  SpinLockHolder hold(timer_mu_);
  const bool kept = armed_ && when_ns != kNeverDue && Postpone(when_ns);
  bool active = kept || DisarmLocked();
  // One that has yet to fire for the first time has left nothing to take out.
  if (!kept || period_ns_ > 0) active |= Drain(&unreceived);
  if (when_ns != kNeverDue) {
    armed_ = true;
    period_ns_ = period_ns;
    if (!kept) Arm(when_ns);
  }
  return active;
}

void TimerChan::Fire(SchedTimer* timer, int64_t now_ns) {
  auto* self = static_cast<TimerChan*>(timer);
  Parkable* receiver = nullptr;
  {
    SpinLockHolder hold(self->timer_mu_);
    if (self->stale_ > 0) {
      --self->stale_;
      return;
    }
    receiver = self->FireLocked(now_ns);
  }
  // Not `self`: the last handle may have gone since.
  if (receiver != nullptr) ReadyLast(receiver);
}

Parkable* TimerChan::FireLocked(int64_t now_ns) {
  int64_t due_ns = when_ns();
  // The wall clock's time at which it should have been sent.
  absl::Time due = WallNow() - absl::Nanoseconds(now_ns - due_ns);
  Parkable* receiver = nullptr;
  // What is sent is nobody's, and the channel may die with it unreceived.
  const race::Ignore ignore;
  lock();
  // Whoever is slow misses ticks: if the slot is taken, this one is dropped.
  (void)SendLocked(&due, &receiver);
  unlock();
  armed_ = period_ns_ > 0;
  // On the grid of the first tick, however late this one is.
  if (armed_) Arm(due_ns + period_ns_ * (1 + (now_ns - due_ns) / period_ns_));
  return receiver;
}

}  // namespace weft::chan_internal
