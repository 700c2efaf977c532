// spin.h: when it makes sense to spin for a lock, and for how long.
#ifndef WEFT_SYNC_INTERNAL_SPIN_H_
#define WEFT_SYNC_INTERNAL_SPIN_H_

#include "weft/sched/internal/atomic.h"

namespace weft::sync_internal {

// Turns of CpuRelax(): about a microsecond, a small part of what it costs to put a thread to sleep
// and wake it.
inline constexpr int kSpins = 40;

// Whether the holder can be running on another processor while the caller spins, and nobody needs
// the caller's.
bool MaySpin();

// Takes the lock bit `bit` of `word` and returns the word as it then stands. For critical sections
// of a few dozen instructions without calls.
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
