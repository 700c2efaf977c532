// The first rung of preemption: every operation of the runtime that does not block ends with
// SafePoint().
#ifndef WEFT_SCHED_INTERNAL_SAFEPOINT_H_
#define WEFT_SCHED_INTERNAL_SAFEPOINT_H_

#if !defined(WEFT_MODEL)
#include "weft/sched/internal/thread_local.h"
#endif

namespace weft::sched_internal {

#if defined(WEFT_MODEL)

inline void SafePoint() {}

#else

// Lets others run; the calling fiber goes to the back of the global queue.
void PreemptSlow();

// Yields if the scheduler has asked for the processor. Must not be called with a SpinLock held. On
// a plain thread: nothing. Cost: one load and compare.
inline void SafePoint() {
  if (PreemptRequested()) [[unlikely]] {
    PreemptSlow();
  }
}

#endif

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_SAFEPOINT_H_
