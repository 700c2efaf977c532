// A channel that a timer sends to: one slot, which its users do not see.
//
// Reset() and Stop() leave nothing behind: under the lock that the timer's callback sends under,
// they disarm it and take out what it has sent and nobody has received. A callback that has begun,
// but comes too late for the lock, is counted in `stale_` and does nothing.
#ifndef WEFT_CHAN_INTERNAL_TIMER_CHAN_H_
#define WEFT_CHAN_INTERNAL_TIMER_CHAN_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "weft/chan/internal/chan_core.h"
#include "weft/chan/internal/element.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/timer.h"

namespace weft::chan_internal {

// When a timer that is set now for `d` is due; kNeverDue for an infinite d.
int64_t DueAfter(absl::Duration d);
inline constexpr int64_t kNeverDue = INT64_MAX;

class TimerChan final : public ChanCore, private SchedTimer {
 public:
  // Not armed, owned by one handle. Ends, and disarms itself, with its last handle.
  static TimerChan* Make() { return new TimerChan; }

  // Has the time sent at `when_ns`, and if period_ns > 0 again at every period after it. Returns
  // whether there was a time to come or not yet received; no such time is received any more.
  bool Reset(int64_t when_ns, int64_t period_ns);
  bool Stop();

 private:
  using Slot = Element<absl::Time>;

  TimerChan();
  ~TimerChan() = default;

  static void End(ChanCore* core);
  static void Fire(SchedTimer* timer, int64_t now_ns);
  Parkable* FireLocked(int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(timer_mu_);
  bool DisarmLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(timer_mu_);

  alignas(Slot::kAlignment) std::byte slot_[Slot::kStride] = {};

  // Taken before the channel's own lock.
  sched_internal::SpinLock timer_mu_;
  bool armed_ ABSL_GUARDED_BY(timer_mu_) = false;
  uint32_t stale_ ABSL_GUARDED_BY(timer_mu_) = 0;  // callbacks that have begun and shall do nothing
  int64_t period_ns_ ABSL_GUARDED_BY(timer_mu_) = 0;
};

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_TIMER_CHAN_H_
