// The first rung of preemption: every operation of the runtime that does not block ends with
// SafePoint().
//
// Under simulation the same points are where another fiber may be chosen to run, and `op` and
// `object` are what is told of the step that ends there. They cost nothing where the scheduler does
// not ask for the processor.
#ifndef WEFT_SCHED_INTERNAL_SAFEPOINT_H_
#define WEFT_SCHED_INTERNAL_SAFEPOINT_H_

#include <cstdint>

#if !defined(WEFT_MODEL)
#include "weft/sched/internal/thread_local.h"
#endif

namespace weft::sched_internal {

// What a fiber has just done. The names are in ../testing/sim_report.cc.
enum class Op : uint8_t {
  kOther,
  kGo,
  kYield,
  kSend,
  kTrySend,
  kReceive,
  kTryReceive,
  kClose,
  kSelect,
  kLock,
  kTryLock,
  kUnlock,
  kReadLock,
  kReadUnlock,
  kWait,
  kSignal,
  kAdd,
  kOnce,
  kAcquire,
  kRelease,
  kAtomicLoad,
  kAtomicWrite,
  kLoad,
  kGet,
  kPut,
};

#if defined(WEFT_MODEL)

inline void SafePoint(Op = Op::kOther, const void* = nullptr) {}

#else

// Lets others run; the calling fiber goes to the back of the global queue.
void PreemptSlow(Op op, const void* object);

// Yields if the scheduler has asked for the processor. Must not be called with a SpinLock held. On
// a plain thread: nothing. Cost: one load and compare. `object` null: the step may depend on
// anything.
inline void SafePoint(Op op = Op::kOther, const void* object = nullptr) {
  if (PreemptRequested()) [[unlikely]] {
    PreemptSlow(op, object);
  }
}

#endif

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_SAFEPOINT_H_
