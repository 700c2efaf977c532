// timer.h: one-shot timers of the scheduler, for those who build Sleep, After, deadlines and timed
// locks.
//
// A SchedTimer is a node that its owner embeds where it likes (a stack frame, a channel). The
// scheduler calls its callback once, at or soon after the time asked for.
//
// Go: runtime.timer.
//
// Thread safety: calls of Arm(), Postpone(), Cancel() and CancelAndWait() on one timer must be
//   serialized by its owner; they may run at the same time as its callback, which may Arm() the
//   timer again while somebody cancels it.
// Blocks: nothing; CancelAndWait() spins while the callback runs on another thread.
// Ordering: Arm() synchronizes with the callback that it leads to; the end of a callback with the
//   return of a CancelAndWait() that waited for it.
// Lifetime: once the callback has been called, the scheduler no longer touches the timer, so a
//   callback may end its life, or Arm() it again. Otherwise Cancel() it before it dies: Cancel() ==
//   true suffices; after Cancel() == false use CancelAndWait() or know that the callback has ended.
// Misuse: Arm() of an armed timer is fatal.
// Cost: Arm() and Cancel() about 5 to 10 ns each, no allocation, 64 bytes.
#ifndef WEFT_SCHED_TIMER_H_
#define WEFT_SCHED_TIMER_H_

#include <cstdint>

#include "absl/time/time.h"
#include "weft/sched/internal/atomic.h"

namespace weft {

namespace sched_internal {
class TimerQueue;
}  // namespace sched_internal

// Nanoseconds of the monotonic clock that all timers use (virtual under simulation).
int64_t MonotonicNanos();

// The wall clock beside it (virtual under simulation): what deadlines are compared with, and what
// timer channels send.
absl::Time WallNow();

class SchedTimer {
 public:
  // Called by a scheduler thread, outside any fiber; `now_ns` is when it found the timer due. It
  // must not block or throw. It may call Ready(), Go(), Try-forms of channels, and Arm() of this or
  // any other timer.
  using Callback = void (*)(SchedTimer* timer, int64_t now_ns);

  explicit SchedTimer(Callback callback) : callback_(callback) {}
  SchedTimer(const SchedTimer&) = delete;
  SchedTimer& operator=(const SchedTimer&) = delete;

  // Has the callback called once MonotonicNanos() has reached `when_ns`. A time in the past means
  // as soon as possible. Timers that are due together run in the order of their times.
  void Arm(int64_t when_ns);

  // As Arm(), for timers that do not belong to a simulated world: by the real clock although the
  // caller may be in one.
  void ArmOutside(int64_t when_ns);

  // If it is armed, for `when_ns` or earlier, it is for `when_ns` from now on, and this returns
  // true. Else false: Cancel() and Arm() it. As if both were called, at a third of the cost.
  bool Postpone(int64_t when_ns);

  // Returns true if this call prevented the callback; false if there was nothing to prevent: not
  // armed, or the callback has begun.
  bool Cancel();

  // As Cancel(), and when it returns the callback is not running, nor armed again by itself. Not to
  // be called from the callback itself, nor with a lock held that the callback takes.
  bool CancelAndWait();

  // The time of the last Arm().
  int64_t when_ns() const { return when_ns_; }

 private:
  friend class sched_internal::TimerQueue;

  Callback callback_;
  int64_t when_ns_ = 0;
  // The queue that the timer is in or was in last. Written by Arm() while in none and while no
  // callback is running; null until the first Arm().
  sched_internal::Atom<sched_internal::TimerQueue*> queue_{nullptr};
  // Guarded by the queue's lock.
  SchedTimer* next_ = nullptr;
  SchedTimer* prev_ = nullptr;
  int32_t slot_ = -1;   // where in the queue; negative: not armed
  uint32_t order_ = 0;  // breaks ties in the order of arming
};

}  // namespace weft

#endif  // WEFT_SCHED_TIMER_H_
