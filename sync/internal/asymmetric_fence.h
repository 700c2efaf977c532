// asymmetric_fence.h: a StoreLoad fence that is free on the side that runs often, because the other
// side pays for both.
//
// If one side does A = 1; LightFence(); read B, and the other B = 1; HeavyFence(); read A, then not
// both of them read the old value. HeavyFence() makes every running thread of the process execute a
// full fence at some moment between its call and its return (membarrier(2)); a thread that does not
// run has executed one when it was taken off its processor. If that moment comes before A = 1 of
// the light side, its read of B comes later, too; if after, A = 1 is visible when HeavyFence()
// returns.
//
// Blocks: nothing; HeavyFence() is a system call.
// Cost: LightFence() nothing, it only keeps the compiler from moving accesses; HeavyFence() 0.5 to
//   1.5 microseconds and
// an interrupt on each processor where the process runs.
#ifndef WEFT_SYNC_INTERNAL_ASYMMETRIC_FENCE_H_
#define WEFT_SYNC_INTERNAL_ASYMMETRIC_FENCE_H_

#include <atomic>

#include "weft/sched/internal/atomic.h"

namespace weft::sync_internal {

#if defined(WEFT_MODEL)

// The explorer has no processors to interrupt: two fences are what the pair amounts to.
inline bool HasHeavyFence() { return true; }
inline void LightFence() { sched_internal::model::Fence(std::memory_order_seq_cst); }
inline void HeavyFence() { sched_internal::model::Fence(std::memory_order_seq_cst); }

#else

// Whether the system has it. If not, nobody may rely on LightFence().
bool HasHeavyFence();

inline void LightFence() { std::atomic_signal_fence(std::memory_order_seq_cst); }

void HeavyFence();

#endif

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_ASYMMETRIC_FENCE_H_
