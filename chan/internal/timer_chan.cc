#include "weft/chan/internal/timer_chan.h"

#include <optional>

#include "absl/time/clock.h"
#include "weft/chan/internal/fast_path.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/real_clock.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"

namespace weft::chan_internal {

using sched_internal::Sim;

int64_t DueAfter(absl::Duration d, int64_t now_ns) {
  if (d <= absl::ZeroDuration()) return now_ns;
  return DueAfterNanos(absl::ToInt64Nanoseconds(d), now_ns);
}

const Source TimerChan::kSource = {&IsEmpty, &Take, &Await};

TimerChan::TimerChan(Destroy destroy)
    : ChanCore(ErasedElement<absl::Time>::kOps, kSource, destroy), SchedTimer(&Alarm) {}

bool TimerChan::CallerIsElsewhere() const { return bubble() == 0 && Sim() != nullptr; }

int64_t TimerChan::Now() const {
  if (CallerIsElsewhere()) [[unlikely]]
    return sched_internal::RealMonotonicNanos();
  return MonotonicNanos();
}

bool TimerChan::IsEmpty(const ChanCore& core) {
  auto& self = static_cast<const TimerChan&>(core);
  // Relaxed, both: nothing else is read by them, and whoever knows of a Reset() or an alarm reads
  // what that has written. An alarm to come saves the look at the clock.
  if (self.alarm_set_.load(std::memory_order_relaxed)) return true;
  // Not due at a later reading of the clock is not due then.
  const int64_t due_ns = self.due_ns_.load(std::memory_order_relaxed);
  return due_ns == kNeverDue || due_ns > self.Now();
}

bool TimerChan::Take(ChanCore& core, void* destination) {
  auto& self = static_cast<TimerChan&>(core);
  const int64_t now_ns = self.Now();
  if (!self.IsDue(now_ns)) return false;
  self.TakeTick(now_ns, destination);
  return true;
}

void TimerChan::Await(ChanCore& core) { static_cast<TimerChan&>(core).SetAlarm(); }

void TimerChan::End(ChanCore* core) {
  auto* self = static_cast<TimerChan*>(core);
  self->Disarm();
  delete self;
}

// Only alarms that have begun are still to come, and each of them is either through its critical
// section or counted as stale.
void TimerChan::Disarm() {
  for (bool to_come = true; to_come;) {
    lock();
    CancelAlarm();
    to_come = stale_ > 0;
    unlock();
    if (to_come) sched_internal::ThreadYield();
  }
}

bool TimerChan::IsDue(int64_t now_ns) const {
  // Relaxed, here and below, as what is known of the alarm: under the lock.
  return due_ns_.load(std::memory_order_relaxed) <= now_ns;
}

bool TimerChan::Stop() { return Reset(kNeverDue, 0); }

bool TimerChan::Reset(int64_t when_ns, int64_t period_ns) {
  if (bubble() != 0 && bubble() != sched_internal::SimBubble()) [[unlikely]] {
    Fatal("synctest timer accessed from outside bubble");
  }
  sched_internal::SimTouch(this, bubble() != 0);
  race::Release(&due_ns_);
  lock();
  const bool was_set = due_ns_.load(std::memory_order_relaxed) != kNeverDue;
  due_ns_.store(when_ns, std::memory_order_relaxed);
  period_ns_ = period_ns;
  // One that is too early now costs less than to set it anew each time.
  if (when_ns < SchedTimer::when_ns() || when_ns == kNeverDue) CancelAlarm();
  if (!receivers().empty()) SetAlarm();
  unlock();
  return was_set;
}

void TimerChan::SetAlarm() {
  const int64_t due_ns = due_ns_.load(std::memory_order_relaxed);
  if (alarm_set_.load(std::memory_order_relaxed) || due_ns == kNeverDue) return;
  alarm_set_.store(true, std::memory_order_relaxed);
  if (CallerIsElsewhere()) [[unlikely]] {
    ArmOutside(due_ns);
  } else {
    Arm(due_ns);
  }
  // The queue knows an end of time.
  if (SchedTimer::when_ns() < due_ns) {
    due_ns_.store(SchedTimer::when_ns(), std::memory_order_relaxed);
  }
}

void TimerChan::CancelAlarm() {
  if (!alarm_set_.load(std::memory_order_relaxed)) return;
  alarm_set_.store(false, std::memory_order_relaxed);
  if (!Cancel()) ++stale_;
}

// What is received is the wall clock's time at which it was due. Ticks that have come since are
// dropped, and the next is on the grid of the first.
void TimerChan::TakeTick(int64_t now_ns, void* destination) {
  const int64_t due_ns = due_ns_.load(std::memory_order_relaxed);
  const absl::Time wall = CallerIsElsewhere() ? absl::Now() : WallNow();
  int64_t next_ns = kNeverDue;
  if (period_ns_ > 0) {
    const int64_t late_ns = (now_ns - due_ns) % period_ns_;
    if (period_ns_ < kNeverDue - now_ns) next_ns = now_ns - late_ns + period_ns_;
  }
  due_ns_.store(next_ns, std::memory_order_relaxed);
  race::Acquire(&due_ns_);
  static_cast<std::optional<absl::Time>*>(destination)
      ->emplace(wall - absl::Nanoseconds(now_ns - due_ns));
}

void TimerChan::Alarm(SchedTimer* timer, int64_t now_ns) {
  auto* self = static_cast<TimerChan*>(timer);
  Parkable* receiver = nullptr;
  self->lock();
  if (self->stale_ > 0) {
    --self->stale_;
  } else {
    receiver = self->CompleteFirst(now_ns);
  }
  self->unlock();
  // Not `self`: the last handle may have gone since.
  if (receiver != nullptr) ReadyLast(receiver);
}

Parkable* TimerChan::CompleteFirst(int64_t now_ns) {
  alarm_set_.store(false, std::memory_order_relaxed);
  Parkable* completed = nullptr;
  if (IsDue(now_ns)) {
    // If all who have waited have chosen another case, it stays due, for whoever comes next.
    if (Waiter* first = receivers().PopClaimed()) {
      // The destination is another's.
      const race::Ignore ignore;
      TakeTick(now_ns, first->element);
      completed = first->owner;
    }
  }
  if (!receivers().empty()) SetAlarm();
  return completed;
}

}  // namespace weft::chan_internal
