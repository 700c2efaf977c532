#include "weft/chan/internal/timer_func.h"

#include <utility>

#include "weft/chan/internal/timer_chan.h"
#include "weft/sched/go.h"

namespace weft::chan_internal {

using sched_internal::VisibleSpinLockHolder;

TimerFunc::TimerFunc(std::function<void()> fn, sched_internal::StackKind kind)
    : SchedTimer(&Fire), fn_(std::move(fn)), kind_(kind) {}

bool TimerFunc::DisarmLocked() {
  if (!armed_) return false;
  armed_ = false;
  if (!Cancel()) ++stale_;
  return true;
}

TimerFunc::Self TimerFunc::ReleaseLocked() {
  if (armed_ || stale_ > 0) return nullptr;
  return std::move(alive_);
}

bool TimerFunc::Stop() {
  Self released;  // outlives the lock
  VisibleSpinLockHolder hold(mu_);
  const bool active = DisarmLocked();
  released = ReleaseLocked();
  return active;
}

bool TimerFunc::Reset(int64_t when_ns) {
  if (when_ns == kNeverDue) return Stop();
  VisibleSpinLockHolder hold(mu_);
  if (armed_ && Postpone(when_ns)) return true;
  const bool active = DisarmLocked();
  armed_ = true;
  if (alive_ == nullptr) alive_ = shared_from_this();
  Arm(when_ns);
  return active;
}

void TimerFunc::Fire(SchedTimer* timer, int64_t) {
  auto* self = static_cast<TimerFunc*>(timer);
  Self keep;
  bool run;
  {
    VisibleSpinLockHolder hold(self->mu_);
    run = self->stale_ == 0;
    if (run) {
      self->armed_ = false;
    } else {
      --self->stale_;
    }
    keep = self->ReleaseLocked();
  }
  // The function, and its destructor if this was the last of it, are users' code: not for this
  // thread.
  if (run) {
    const sched_internal::StackKind kind = self->kind_;
    sched_internal::StartFiber(kind, {}, [keep = std::move(keep)] { keep->fn_(); });
  } else if (keep != nullptr) {
    Go([keep = std::move(keep)] {});
  }
}

}  // namespace weft::chan_internal
