// How many processors are idle and how many workers look for work, in one word, so that whoever
// submits work decides with one load whether to wake somebody.
//
// The protocol (DESIGN.md, "Waking"):
//   submitter   publishes work with a seq_cst write; then NeedsWaker(), a seq_cst load.
//   searcher    StopSpinning(), a seq_cst RMW; then looks at all queues again with seq_cst loads.
// In the single order of seq_cst operations one of the two comes first, so either the searcher sees
// the work or the submitter sees that nobody searches. Acquire and release would not do: both sides
// write one location and then read the other, and both could read the old value.
//
//   bits  0..31  idle processors     written under the scheduler's lock
//   bits 32..63  spinning workers
// Invariant: a worker that counts as spinning holds a processor.
#ifndef WEFT_SCHED_INTERNAL_IDLE_WORD_H_
#define WEFT_SCHED_INTERNAL_IDLE_WORD_H_

#include <cstdint>

#include "weft/sched/internal/atomic.h"

namespace weft::sched_internal {

class IdleWord {
 public:
  // Whether a processor is idle and nobody is on the way to find the caller's work.
  bool NeedsWaker() const {
    // ORDER(idle.word): seq_cst; see above. Pairs with StopSpinning().
    const uint64_t word = word_.load(std::memory_order_seq_cst);
    return Spinning(word) == 0 && Idle(word) != 0;
  }

  // Claims the right to wake one worker, who then counts as spinning. False: somebody else has it,
  // or nobody is idle.
  bool TryStartWaker() {
    uint64_t word = word_.load(std::memory_order_relaxed);  // re-checked by the CAS
    while (Spinning(word) == 0 && Idle(word) != 0) {
      // ORDER(idle.word): seq_cst, as all writes of the word.
      if (word_.compare_exchange_weak(word, word + kOneSpinning, std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  // Counts one more searcher, unless half of the busy ones search already, of `processors`. The
  // caller holds one. False: it was not counted.
  bool TryStartSpinning(uint32_t processors) {
    uint64_t word = word_.load(std::memory_order_relaxed);  // re-checked by the CAS; else a hint
    for (;;) {
      const uint32_t idle = Idle(word);
      const uint32_t busy = processors > idle ? processors - idle : 0;
      if (busy > 1 && 2 * Spinning(word) >= busy) return false;
      // ORDER(idle.word): seq_cst, as all writes of the word.
      if (word_.compare_exchange_weak(word, word + kOneSpinning, std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {
        return true;
      }
    }
  }

  // ORDER(idle.word): seq_cst, as all writes of the word.
  void StartSpinning() { word_.fetch_add(kOneSpinning, std::memory_order_seq_cst); }

  // True: it was the last one, so the caller must look at all queues once more, or wake another.
  bool StopSpinning() {
    // ORDER(idle.word): seq_cst; see above. Pairs with NeedsWaker().
    return Spinning(word_.fetch_sub(kOneSpinning, std::memory_order_seq_cst)) == 1;
  }

  // ORDER(idle.word): seq_cst, as all writes of the word.
  void AddIdle(uint32_t n = 1) { word_.fetch_add(n, std::memory_order_seq_cst); }
  void RemoveIdle(uint32_t n = 1) { word_.fetch_sub(n, std::memory_order_seq_cst); }

  // No worker runs or searches, of `processors`.
  bool AllIdle(uint32_t processors) const {
    // ORDER(idle.word): seq_cst; pairs with RemoveIdle(), for sysmon's going to sleep.
    const uint64_t word = word_.load(std::memory_order_seq_cst);
    return Spinning(word) == 0 && Idle(word) >= processors;
  }

  // Whether so many are idle, for one who may be the last to fall asleep.
  bool AreIdle(uint32_t count) const {
    // ORDER(idle.word): seq_cst; pairs with AddIdle(). See HandOff::Asleep().
    return Idle(word_.load(std::memory_order_seq_cst)) >= count;
  }

  // Hints.
  uint32_t idle() const { return Idle(word_.load(std::memory_order_relaxed)); }
  uint32_t spinning() const { return Spinning(word_.load(std::memory_order_relaxed)); }

 private:
  static constexpr uint64_t kOneSpinning = uint64_t{1} << 32;
  static uint32_t Idle(uint64_t word) { return static_cast<uint32_t>(word); }
  static uint32_t Spinning(uint64_t word) { return static_cast<uint32_t>(word >> 32); }

  Atom<uint64_t> word_{0};
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_IDLE_WORD_H_
