// The bounded run queue of one processor: the owner pushes at the tail and pops at the head,
// thieves take half from the head.
//
// Go: the runq of a P.
//
// Cost: Push() one exchange, Pop() and Rotate() one compare-exchange.
#ifndef WEFT_SCHED_INTERNAL_RUN_RING_H_
#define WEFT_SCHED_INTERNAL_RUN_RING_H_

#include <cstdint>

#include "weft/sched/internal/atomic.h"

namespace weft::sched_internal {

struct Fiber;

class RunRing {
 public:
#if defined(WEFT_MODEL)
  static constexpr uint32_t kCapacity = 4;
#else
  static constexpr uint32_t kCapacity = 256;
#endif

  // Owner only. May run in parallel with StealInto(). False: full.
  //
  // The store of tail_ is seq_cst: it is the first half of the submitter's side of the protocol
  // with idle workers (DESIGN.md, "Waking"): publish work; then look whether anybody is idle.
  bool Push(Fiber* fiber) {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);  // owner-only
    // ORDER(ring.reuse): acquire; pairs with the release in Pop() and StealInto(): the slot has
    // been read.
    const uint32_t head = head_.load(std::memory_order_acquire);
    if (tail - head >= kCapacity) return false;
    slots_[tail % kCapacity].store(fiber, std::memory_order_relaxed);  // published by tail_
    // ORDER(ring.push): seq_cst; pairs with the acquire in StealInto() (publishes the slot and the
    // fiber) and with the seq_cst loads in LooksEmpty().
    tail_.store(tail + 1, std::memory_order_seq_cst);
    return true;
  }

  // Owner only. May run in parallel with StealInto(). Null: empty.
  Fiber* Pop() {
    uint32_t head = head_.load(std::memory_order_relaxed);        // re-checked by the CAS below
    const uint32_t tail = tail_.load(std::memory_order_relaxed);  // owner-only
    while (head != tail) {
      Fiber* fiber = slots_[head % kCapacity].load(std::memory_order_relaxed);  // owner wrote it
      // ORDER(ring.reuse): release; pairs with the acquire in Push().
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_release,
                                      std::memory_order_relaxed)) {
        return fiber;
      }
    }
    return nullptr;
  }

  // What Rotate() found.
  enum class Rotation : uint8_t {
    kDone,
    kUnsuitable,  // empty or full: nothing was done
    kAlone,       // thieves have taken the others; it is not in the queue
    kStolen,      // and the fiber itself, too
  };

  // Owner only. Puts `fiber`, which still runs on the owner's thread, behind all others, and takes
  // the one in front. Thieves who take `fiber` meanwhile wait for FinishRotate() before they let it
  // run. The ring does not look empty meanwhile, so nobody needs to be told: DESIGN.md, "Waking".
  Rotation Rotate(Fiber* fiber, Fiber** next) {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);  // owner-only
    // ORDER(ring.reuse): acquire; as in Push().
    uint32_t head = head_.load(std::memory_order_acquire);
    if (tail - head - 1 >= kCapacity - 1) [[unlikely]]
      return Rotation::kUnsuitable;
    // ORDER(ring.rotating): release; pairs with the acquire in AwaitRotated(): who reads this and
    // not what was there before knows that the fiber before this one has been left.
    rotating_.store(fiber, std::memory_order_release);
    slots_[tail % kCapacity].store(fiber, std::memory_order_relaxed);  // published by tail_
    // ORDER(ring.push): release; pairs with the acquire in StealInto(), and publishes rotating_.
    tail_.store(tail + 1, std::memory_order_release);
    do {
      *next = slots_[head % kCapacity].load(std::memory_order_relaxed);  // owner wrote it
      // ORDER(ring.reuse): release; pairs with the acquire in Push(). ORDER(ring.push): and with
      // the load in LooksEmpty(): who sees the first gone sees `fiber` there.
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_release,
                                      std::memory_order_relaxed)) {
        if (head != tail) [[likely]]
          return Rotation::kDone;
        FinishRotate();
        return Rotation::kAlone;
      }
    } while (head != tail + 1);
    return Rotation::kStolen;
  }

  // Owner only: the fiber given to Rotate() has been left, and its context saved.
  void FinishRotate() {
    // ORDER(ring.rotating): release; pairs with the acquire in AwaitRotated(). Publishes the saved
    // context.
    rotating_.store(nullptr, std::memory_order_release);
  }

  // Owner of `mine`, which must be empty; `this` belongs to somebody else. Takes half, rounded up:
  // returns one and leaves the rest in `mine`. Null: nothing to take.
  Fiber* StealInto(RunRing& mine) {
    // ORDER(ring.reuse): acquire; pairs with the release of other thieves' claims.
    uint32_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      // ORDER(ring.push): acquire; pairs with the store in Push().
      const uint32_t tail = tail_.load(std::memory_order_acquire);
      const uint32_t count = tail - head - (tail - head) / 2;
      if (count == 0) return nullptr;
      if (count > kCapacity / 2) {                     // head and tail were read at different times
        head = head_.load(std::memory_order_acquire);  // ORDER(ring.reuse): as above
        continue;
      }
      Fiber* first = slots_[head % kCapacity].load(std::memory_order_relaxed);  // ordered by tail_
      const uint32_t my_tail = mine.tail_.load(std::memory_order_relaxed);      // owner-only
      for (uint32_t i = 1; i < count; ++i) {
        Fiber* fiber =
            slots_[(head + i) % kCapacity].load(std::memory_order_relaxed);  // ordered by tail_
        mine.slots_[(my_tail + i - 1) % kCapacity].store(
            fiber, std::memory_order_relaxed);  // published below
      }
      // ORDER(ring.reuse): release on success; pairs with the acquire in Push(): the slots have
      // been read. Acquire on failure as for the load above.
      if (!head_.compare_exchange_weak(head, head + count, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
        continue;
      }
      // Of all that are in the ring only the last may still be running.
      AwaitRotated(count == 1 ? first
                              : mine.slots_[(my_tail + count - 2) % kCapacity].load(
                                    std::memory_order_relaxed));  // owner wrote it
      // ORDER(ring.push): as in Push().
      if (count > 1) mine.tail_.store(my_tail + count - 1, std::memory_order_seq_cst);
      return first;
    }
  }

  // Owner only, when Push() has said full. Takes the older half of the fibers, kCapacity / 2, into
  // `out`; returns how many, which is 0 when a thief was faster.
  uint32_t PopHalf(Fiber** out) {
    // ORDER(ring.reuse): acquire; pairs with the release of thieves' claims.
    uint32_t head = head_.load(std::memory_order_acquire);
    const uint32_t tail = tail_.load(std::memory_order_relaxed);  // owner-only
    if (tail - head < kCapacity) return 0;
    for (uint32_t i = 0; i < kCapacity / 2; ++i) {
      out[i] = slots_[(head + i) % kCapacity].load(std::memory_order_relaxed);  // owner wrote them
    }
    // ORDER(ring.reuse): release; pairs with the acquire in Push().
    return head_.compare_exchange_strong(head, head + kCapacity / 2, std::memory_order_release,
                                         std::memory_order_relaxed)
               ? kCapacity / 2
               : 0;
  }

  // Anybody. For the re-check of a worker that goes idle, and for hints.
  bool LooksEmpty() const {
    // ORDER(ring.push): seq_cst; pairs with the store in Push(): either we see the work or its
    // submitter sees that we are idle.
    const uint32_t head = head_.load(std::memory_order_seq_cst);
    return head == tail_.load(std::memory_order_seq_cst);
  }

  // Owner only: the fiber `ahead` places behind the head, or null; for prefetching. May be stale.
  Fiber* Peek(uint32_t ahead) const {
    const uint32_t head = head_.load(std::memory_order_relaxed);  // a hint
    if (tail_.load(std::memory_order_relaxed) - head <= ahead) return nullptr;
    return slots_[(head + ahead) % kCapacity].load(std::memory_order_relaxed);  // a hint
  }

  // Anybody; a statistic.
  uint32_t size() const {
    return tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_relaxed);
  }

 private:
  // By the thief that has claimed `fiber`: nobody else can put it into this ring again meanwhile.
  void AwaitRotated(const Fiber* fiber) const {
    // ORDER(ring.rotating): acquire; pairs with the releases in Rotate() and FinishRotate().
    for (int turn = 0; rotating_.load(std::memory_order_acquire) == fiber; ++turn) {
      if (turn < kSpins) {
        CpuRelax();
      } else {
        ThreadYield();  // the owner's thread does not run just now
      }
    }
  }

  static constexpr int kSpins = 64;

  alignas(kCacheLinePair) Atom<uint32_t> head_{0};  // CAS by owner and thieves
  alignas(kCacheLinePair) Atom<uint32_t> tail_{0};  // written by the owner
  // In the queue, but not left yet: null, or the last that Rotate() was given. The owner's.
  Atom<Fiber*> rotating_{nullptr};
  Atom<Fiber*> slots_[kCapacity] = {};
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_RUN_RING_H_
