// spin.h: when it makes sense to spin for a lock, and for how long.
#ifndef WEFT_SYNC_INTERNAL_SPIN_H_
#define WEFT_SYNC_INTERNAL_SPIN_H_

#include "weft/sched/internal/atomic.h"
#if !defined(WEFT_MODEL)
#include "weft/sched/no_preempt.h"
#endif

namespace weft::sync_internal {

// For as long as the caller may own the lock bit of a queue. Others spin for that with their
// threads, so the owner's fiber must not be made to leave its processor by a prologue: it could be
// a time slice for each of them until it is back.
#if defined(WEFT_MODEL)
struct QueueScope {
  QueueScope() {}
};
#else
using QueueScope = NoPreempt;
#endif

// For the lock of a queue. Turns of CpuRelax(): about a microsecond, a small part of what it costs
// to put a thread to sleep and wake it.
inline constexpr int kSpins = 40;

// For a lock: looks at it, each followed by a pause; together some microseconds. A look takes the
// line away from the one who has the lock, who needs it to unlock and may want it again: a look
// after each turn of CpuRelax() makes a contended lock half as fast.
inline constexpr int kLooks = 4;
inline void PauseBetweenLooks() {
  for (int turn = 0; turn < 30; ++turn) sched_internal::CpuRelax();
}

// Whether the holder can be running on another processor while the caller spins, and nobody needs
// the caller's.
bool MaySpin();

// Takes the lock bit `bit` of `word` and returns the word as it then stands. For critical sections
// of a few dozen instructions, in a QueueScope.
template <typename Word>
Word LockBit(sched_internal::Atom<Word>& word, Word bit) {
  // Relaxed: re-checked by the CAS below.
  Word seen = word.load(std::memory_order_relaxed);
  for (int turn = 0;; ++turn) {
    if ((seen & bit) == 0) {
      // ORDER(sync.bit): acquire; pairs with the release of whoever clears the bit. The queue is
      // theirs before, ours after.
      if (word.compare_exchange_weak(seen, seen | bit, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
        return seen | bit;
      }
      continue;
    }
    if (turn < kSpins) {
      sched_internal::CpuRelax();
    } else {
      sched_internal::ThreadYield();
    }
    seen = word.load(std::memory_order_relaxed);
  }
}

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_SPIN_H_
