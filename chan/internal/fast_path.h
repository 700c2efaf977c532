// The lock-free operations, used while nobody waits: one compare-exchange, one move, one store.
#ifndef WEFT_CHAN_INTERNAL_FAST_PATH_H_
#define WEFT_CHAN_INTERNAL_FAST_PATH_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "weft/chan/internal/chan_core.h"
#include "weft/chan/internal/element.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/race.h"
#if !defined(WEFT_MODEL)
#include "weft/sched/no_preempt.h"
#endif

namespace weft::chan_internal {

// One more turn of waiting for somebody who is between the claim of a slot and its publication.
inline void AwaitClaimant(int turn) {
  if (turn < 64) {
    sched_internal::CpuRelax();
  } else {
    sched_internal::ThreadYield();
  }
}

// After a claim that somebody else was faster with. Leaves the lines to the others for as long as it
// takes to move a handful of them between processors, so that these get through several operations
// at once: two processors that take the lines from each other at every operation are several times
// as slow as two that have them by turns.
#if defined(WEFT_MODEL)
inline void BackOff(int /*turn*/) {}
#else
[[gnu::cold, gnu::noinline]] inline void BackOff(int turn) {
  constexpr int kLeast = 16, kMostDoublings = 2;
  for (int pauses = kLeast << std::min(turn, kMostDoublings); pauses > 0; --pauses) {
    sched_internal::CpuRelax();
  }
}
#endif

// Whoever has claimed a slot is waited for by threads, so its fiber must not be made to leave the
// processor by a call, such as that of the element's move constructor, or without optimization that
// of any function.
struct MovesWithoutCalls {
  MovesWithoutCalls() {}
};
#if defined(WEFT_MODEL)
template <typename T>
using ClaimScope = MovesWithoutCalls;
#elif !defined(__OPTIMIZE__)
template <typename T>
using ClaimScope = NoPreempt;
#else
template <typename T>
using ClaimScope = std::conditional_t<std::is_trivially_copyable_v<typename Element<T>::Stored>,
                                      MovesWithoutCalls, NoPreempt>;
#endif

// `operand` is moved from on kDone only.
template <typename T>
inline Outcome TrySendFast(ChanCore& core, typename Element<T>::Stored& operand) {
  Side& side = core.tail();
  core.RaceSend();
  for (int turn = 0;; ++turn) {
    // ORDER(chan.probe): acquire; pairs with the release of the claims of other senders and of
    // Thaw(): the head that is read below is then not older than this tail.
    uint64_t tail = side.word.load(std::memory_order_acquire);
    if ((tail & kFlags) != 0) [[unlikely]] {
      return (tail & kClosed) != 0 ? Outcome::kClosed : Outcome::kUndecided;
    }
    Sequence& slot = side.ring.template SlotOf<Element<T>::kStride>(tail);
    uint64_t free = side.ring.FreeSequence(tail);
    // ORDER(chan.slot): acquire; pairs with the release of the receiver that emptied the slot.
    uint64_t sequence = slot.load(std::memory_order_acquire);
    if (sequence == free) [[likely]] {
      const ClaimScope<T> scope;
      // ORDER(chan.claim): release; pairs with the acquire in Freeze() and of the probes. It need
      // not acquire: the loads above have. Relaxed on failure: everything is read again.
      if (side.word.compare_exchange_weak(tail, side.ring.Next(tail), std::memory_order_release,
                                          std::memory_order_relaxed)) {
        race::Acquire(&slot);
        Element<T>::Put(slot, operand);
        race::Release(&slot);
        // ORDER(chan.slot): release; pairs with the acquire of the receiver of this slot. Publishes
        // the element.
        slot.store(free + 1, std::memory_order_release);
        return Outcome::kDone;
      }
      BackOff(turn);
      continue;
    }
    if (static_cast<int64_t>(sequence - free) > 0) continue;  // the tail is an old one
    // Full if no receiver has claimed the slot; the argument is at ProbeSend(). Relaxed: as there.
    uint64_t head = core.head().word.load(std::memory_order_relaxed);
    if (side.ring.Distance(head, tail) == side.ring.capacity()) return Outcome::kBlocked;
    AwaitClaimant(turn);
  }
}

// `sink` is called with the element, an rvalue, if kDone.
template <typename T, typename Sink>
inline Outcome TryRecvFast(ChanCore& core, Sink&& sink) {
  Side& side = core.head();
  for (int turn = 0;; ++turn) {
    // ORDER(chan.probe): acquire; pairs with the release of the claims of other receivers and of
    // Thaw().
    uint64_t head = side.word.load(std::memory_order_acquire);
    if ((head & kFlags) != 0) [[unlikely]]
      return Outcome::kUndecided;
    Sequence& slot = side.ring.template SlotOf<Element<T>::kStride>(head);
    uint64_t full = side.ring.FullSequence(head);
    // ORDER(chan.slot): acquire; pairs with the release of the sender that filled the slot.
    uint64_t sequence = slot.load(std::memory_order_acquire);
    if (sequence == full) [[likely]] {
      const ClaimScope<T> scope;
      // ORDER(chan.claim): as in TrySendFast().
      if (side.word.compare_exchange_weak(head, side.ring.Next(head), std::memory_order_release,
                                          std::memory_order_relaxed)) {
        race::Acquire(&slot);
        Element<T>::Take(slot, sink);
        race::Release(&slot);
        // ORDER(chan.slot): release; pairs with the acquire of the sender of the next lap.
        slot.store(full + 1, std::memory_order_release);
        return Outcome::kDone;
      }
      BackOff(turn);
      continue;
    }
    if (static_cast<int64_t>(sequence - full) > 0) continue;  // the head is an old one
    // ORDER(chan.probe): acquire; pairs with the release of the senders' claims and of
    // CloseLocked(). Empty if no sender has claimed the slot; the argument is at ProbeRecv().
    uint64_t tail = core.tail().word.load(std::memory_order_acquire);
    if ((tail & ~kFlags) == head) {
      if ((tail & kClosed) == 0) return Outcome::kBlocked;
      core.RaceReceivedClosed();
      return Outcome::kClosed;
    }
    AwaitClaimant(turn);
  }
}

// For selects, which look before they try: whether there was an instant at which the operation
// could not be done. That the slot is ready says it without a look at the other side's line;
// relaxed, for the try decides.
template <typename T>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool CannotSend(ChanCore& core) {
  const Side& side = core.tail();
  const uint64_t tail = side.word.load(std::memory_order_relaxed);
  if ((tail & kFlags) != 0) {
    core.Enter("select on");
  } else if (side.ring.template SlotOf<Element<T>::kStride>(tail).load(std::memory_order_relaxed) ==
             side.ring.FreeSequence(tail)) {
    return false;
  }
  return core.ProbeSend() == Outcome::kBlocked;
}

template <typename T>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool CannotRecv(ChanCore& core) {
  const Side& side = core.head();
  const uint64_t head = side.word.load(std::memory_order_relaxed);
  if ((head & kFlags) != 0) {
    if (core.IsSpecial()) [[unlikely]]
      return core.EnterAndFindNothing();
  } else if (side.ring.template SlotOf<Element<T>::kStride>(head).load(std::memory_order_relaxed) ==
             side.ring.FullSequence(head)) {
    return false;
  }
  return core.ProbeRecv() == Outcome::kBlocked;
}

// What puts an element into an empty optional.
template <typename Stored>
auto Into(std::optional<Stored>& destination) {
  return [&destination](Stored&& element) { destination.emplace(std::move(element)); };
}

template <typename T>
struct ErasedElement {
  using Stored = typename Element<T>::Stored;

  static Stored& Operand(void* p) { return *static_cast<Stored*>(p); }
  static std::optional<Stored>& Destination(void* p) {
    return *static_cast<std::optional<Stored>*>(p);
  }

  static void Put(Sequence& slot, void* operand) { Element<T>::Put(slot, Operand(operand)); }
  static void Take(Sequence& slot, void* destination) {
    Element<T>::Take(slot, Into(Destination(destination)));
  }
  static void HandOver(void* operand, void* destination) {
    Destination(destination).emplace(std::move(Operand(operand)));
  }
  static void Drop(Sequence& slot) {
    if constexpr (!Element<T>::kStateless) std::destroy_at(Element<T>::InSlot(slot));
  }
  static Outcome TrySend(ChanCore& core, void* operand) {
    return TrySendFast<T>(core, Operand(operand));
  }
  static Outcome TryRecv(ChanCore& core, void* destination) {
    return TryRecvFast<T>(core, Into(Destination(destination)));
  }

  static constexpr ElementOps kOps = {Element<T>::kStride,
                                      Element<T>::kAlignment,
                                      &Put,
                                      &Take,
                                      &HandOver,
                                      &Drop,
                                      &TrySend,
                                      &TryRecv};
};

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_FAST_PATH_H_
