#include "weft/sync/event.h"

#include "weft/sched/internal/race.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sync/internal/deadline.h"

namespace weft {

using sched_internal::SpinLockHolder;
using sync_internal::Waiter;
using sync_internal::WaitList;

bool Event::WaitFor(absl::Duration timeout) {
  if (timeout <= absl::ZeroDuration()) return TryWait();
  return WaitUntilNanos(sync_internal::DeadlineAfter(timeout));
}

bool Event::TryWait() {
  bool passed = false;
  if (!sched_internal::SimSpuriousFailure()) [[likely]] {
    SpinLockHolder holder(lock_);
    passed = Pass();
  }
  if (passed) race::Acquire(this);
  sched_internal::SimPoint(sched_internal::Op::kWait, this);
  return passed;
}

bool Event::IsSet() const {
  SpinLockHolder holder(lock_);
  return set_;
}

void Event::Reset() {
  {
    SpinLockHolder holder(lock_);
    set_ = false;
  }
  sched_internal::SimPoint(sched_internal::Op::kSignal, this);
}

bool Event::Pass() {
  if (!set_) return false;
  if (reset_ == EventReset::kAuto) set_ = false;
  return true;
}

// An auto-reset event is handed to the waiter: were it left set for the waiter to find, a newcomer
// could overtake, and two quick calls would let only one of two waiters through.
void Event::Set() {
  race::Release(this);
  WaitList woken;
  {
    SpinLockHolder holder(lock_);
    while (Waiter* waiter = waiters_.PopClaimed()) {
      woken.PushBack(waiter);
      if (reset_ == EventReset::kAuto) break;
    }
    set_ = reset_ == EventReset::kManual || woken.empty();
  }
  ReadyAll(woken);
  sched_internal::SafePoint(sched_internal::Op::kSignal, this);
}

bool Event::WaitUntilNanos(int64_t deadline_ns) {
  Waiter self;
  self.contested = deadline_ns != sync_internal::kNever;
  sched_internal::SimTouch(this);
  bool passed;
  {
    SpinLockHolder holder(lock_);
    passed = Pass();
    if (!passed) waiters_.PushBack(&self);
  }
  if (passed) {
    race::Acquire(this);
    sched_internal::SafePoint(sched_internal::Op::kWait, this);
    return true;
  }
  if (self.AwaitUntil(deadline_ns, reason_)) {
    race::Acquire(this);
    return true;
  }
  SpinLockHolder holder(lock_);
  if (self.queued) waiters_.Remove(&self);
  return false;
}

}  // namespace weft
