// A function that runs in a fiber of its own once a time has come: AfterFunc().
#ifndef WEFT_CHAN_INTERNAL_TIMER_FUNC_H_
#define WEFT_CHAN_INTERNAL_TIMER_FUNC_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/internal/stack_kind.h"
#include "weft/sched/timer.h"

namespace weft::chan_internal {

class TimerFunc final : public std::enable_shared_from_this<TimerFunc>, private SchedTimer {
 public:
  // `kind`: of the stack that `fn` needs.
  TimerFunc(std::function<void()> fn, sched_internal::StackKind kind);

  // Has the function called at `when_ns`. Returns whether this prevented an earlier call.
  bool Reset(int64_t when_ns);
  bool Stop();

 private:
  using Self = std::shared_ptr<TimerFunc>;

  static void Fire(SchedTimer* timer, int64_t now_ns);
  bool DisarmLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What keeps this object alive, if no callback is to come any more. To be dropped after the
  // unlock.
  Self ReleaseLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::function<void()> fn_;
  const sched_internal::StackKind kind_;
  sched_internal::VisibleSpinLock mu_;
  bool armed_ ABSL_GUARDED_BY(mu_) = false;
  uint32_t stale_ ABSL_GUARDED_BY(mu_) = 0;  // callbacks that have begun and shall do nothing
  // Invariant: not null while a callback is to come. A timer whose handles are all gone still runs
  // its function.
  Self alive_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_TIMER_FUNC_H_
