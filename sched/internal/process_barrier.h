// A memory barrier on every running thread of the process: the expensive half of an asymmetric
// protocol whose other half then needs none.
#ifndef WEFT_SCHED_INTERNAL_PROCESS_BARRIER_H_
#define WEFT_SCHED_INTERNAL_PROCESS_BARRIER_H_

#include <atomic>

#include "weft/sched/internal/atomic.h"

namespace weft::sched_internal {

#if defined(WEFT_MODEL)

// The explorer has no processors to interrupt: two fences are what the pair amounts to.
inline void ProcessBarrier() { model::Fence(std::memory_order_seq_cst); }
inline void BarrierForOthers() { model::Fence(std::memory_order_seq_cst); }

#else

// Once, before the first ProcessBarrier().
void RegisterProcessBarrier();

// Everything that another thread does after some point in time during the call comes after a full
// barrier on that thread, everything before it comes before one. Cost: microseconds.
void ProcessBarrier();

// Between two accesses of the other half. Cost: none; it only keeps the compiler from moving them.
inline void BarrierForOthers() { std::atomic_signal_fence(std::memory_order_seq_cst); }

#endif

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_PROCESS_BARRIER_H_
