// A channel that receives from a timer.
//
// The timer is two numbers under the channel's lock: when the next time is due, and the period.
// Nothing happens when it is. A receiver that comes later takes the time by itself; only while
// somebody waits does an alarm of the scheduler go off, and complete whoever has waited longest. So
// Reset() and Stop() have nothing to take back: what was not received has not been sent.
//
// An alarm makes whoever it finds look at the clock, no more. It may be too early, or for nobody.
#ifndef WEFT_CHAN_INTERNAL_TIMER_CHAN_H_
#define WEFT_CHAN_INTERNAL_TIMER_CHAN_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "weft/chan/internal/chan_core.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/timer.h"

namespace weft::chan_internal {

inline constexpr int64_t kNeverDue = INT64_MAX;

// `d` or `ns`, which is not negative, after now_ns; kNeverDue if that is too far away.
int64_t DueAfter(absl::Duration d, int64_t now_ns);
inline int64_t DueAfterNanos(int64_t ns, int64_t now_ns) {
  return ns >= kNeverDue - now_ns ? kNeverDue : now_ns + ns;
}

class TimerChan final : public ChanCore, private SchedTimer {
 public:
  // Not set, owned by one handle. Ends, and its alarm with it, with its last handle.
  static TimerChan* Make() { return new TimerChan(&End); }

  // For timers in memory of one's own: `destroy` begins with Disarm().
  explicit TimerChan(Destroy destroy);
  ~TimerChan() = default;

  // When the last handle has gone, and with it whoever could wait: until no alarm is to come.
  void Disarm();

  // The time is to be received from when_ns on, and if period_ns > 0 again at every period after
  // it. Returns whether there was a time to come or not yet received; no such time is received any
  // more.
  bool Reset(int64_t when_ns, int64_t period_ns);
  bool Stop();

  // Of the clock that drives this timer.
  int64_t Now() const;

 private:
  static const Source kSource;

  // A timer of no simulated world keeps real time for callers in one, too.
  bool CallerIsElsewhere() const;

  // The source's. The analysis does not see that a core is its timer, and its lock this one.
  static bool IsEmpty(const ChanCore& core);
  static bool Take(ChanCore& core, void* destination) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  static void Await(ChanCore& core) ABSL_NO_THREAD_SAFETY_ANALYSIS;

  static void End(ChanCore* core);
  static void Alarm(SchedTimer* timer, int64_t now_ns);
  Parkable* CompleteFirst(int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  bool IsDue(int64_t now_ns) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  void TakeTick(int64_t now_ns, void* destination) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  void SetAlarm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);
  void CancelAlarm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this);

  // Written under the lock. kNeverDue: not set.
  sched_internal::Atom<int64_t> due_ns_{kNeverDue};
  int64_t period_ns_ ABSL_GUARDED_BY(this) = 0;
  // Whether an alarm is to come, for due_ns_ or earlier; so it is whenever the timer is set and
  // somebody waits. Written under the lock.
  sched_internal::Atom<bool> alarm_set_{false};
  uint32_t stale_ ABSL_GUARDED_BY(this) = 0;  // alarms that have begun and shall do nothing
};

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_TIMER_CHAN_H_
