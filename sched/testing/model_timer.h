// Timers under the explorer: time passes when the program says so.
//
// SchedTimer (sched/timer.h) keeps its contract: Arm(), Cancel() and the callback meet under a
// lock, and a callback runs on the model thread that calls FireTimers(), outside the lock.
// MonotonicNanos() is 0, and then the latest time that FireTimers() was called with.
#ifndef WEFT_SCHED_TESTING_MODEL_TIMER_H_
#define WEFT_SCHED_TESTING_MODEL_TIMER_H_

#include <cstdint>

namespace weft::sched_internal::model {

// It is `now_ns`, or later. Calls back, one after the other, the timers that are due at `now_ns`:
// the earliest first.
void FireTimers(int64_t now_ns);

}  // namespace weft::sched_internal::model

#endif  // WEFT_SCHED_TESTING_MODEL_TIMER_H_
