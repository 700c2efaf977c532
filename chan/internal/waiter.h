// A parked operation, as an entry in a channel's queue, and the queue.
//
// A Waiter lives in the frame of the caller that is parked. Whoever takes it out of the queue under
// the channel's lock, and has claimed it when it belongs to a select, completes the operation:
// moves the element, then readies the owner after the unlock. After Ready() the frame may be gone.
#ifndef WEFT_CHAN_INTERNAL_WAITER_H_
#define WEFT_CHAN_INTERNAL_WAITER_H_

#include <cstdint>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/park.h"

namespace weft::chan_internal {

// Which case of a select was completed by a peer: 0, none yet; else its number, counted from 1.
//
// Invariant: leaves 0 at most once; whoever moved it there completes that case and readies the
// owner.
using FiredWord = sched_internal::Atom<uint32_t>;

struct Waiter {
  // Guarded by the channel's lock.
  Waiter* next = nullptr;
  Waiter* prev = nullptr;
  bool queued = false;

  // Written by the owner before it is queued.
  Parkable* owner = nullptr;
  void* element = nullptr;     // a sender's operand or a receiver's destination
  FiredWord* fired = nullptr;  // null: not a case of a select
  uint32_t case_number = 0;    // counted from 1

  // Written by the peer before Ready(), read by the owner after Park().
  bool closed = false;

  // Whether the caller may complete this operation. With the channel's lock held: until the owner
  // has taken that lock to unlink the entry, the word cannot go away.
  bool Claim() {
    if (fired == nullptr) return true;
    uint32_t none = 0;
    // Relaxed: only decides who completes the select. What the winner writes reaches the owner by
    // Ready(), and the entry itself was published by the channel's lock.
    return fired->compare_exchange_strong(none, case_number, std::memory_order_relaxed,
                                          std::memory_order_relaxed);
  }
};

// First in, first out, with removal from anywhere in O(1). All but MaybeWaiting() with the
// channel's lock held.
class WaitList {
 public:
  // Whether there was an entry, perhaps one whose select has fired elsewhere. Without the lock.
  bool MaybeWaiting() const {
    // ORDER(chan.waiting): acquire; pairs with the release in SetFirst(). What a queued operation's
    // owner did before is then before the answer, as it would be under the lock.
    return first_.load(std::memory_order_acquire) != nullptr;
  }

  bool empty() const { return First() == nullptr; }

  // O(n), for tests.
  int Count() const {
    int count = 0;
    for (const Waiter* waiter = First(); waiter != nullptr; waiter = waiter->next) ++count;
    return count;
  }

  void PushBack(Waiter& waiter) {
    waiter.next = nullptr;
    waiter.prev = last_;
    waiter.queued = true;
    if (last_ != nullptr) {
      last_->next = &waiter;
    } else {
      SetFirst(&waiter);
    }
    last_ = &waiter;
  }

  void Remove(Waiter& waiter) {
    if (waiter.prev != nullptr) {
      waiter.prev->next = waiter.next;
    } else {
      SetFirst(waiter.next);
    }
    if (waiter.next != nullptr) {
      waiter.next->prev = waiter.prev;
    } else {
      last_ = waiter.prev;
    }
    waiter.queued = false;
  }

  // Takes out the first entry that can still be completed, and drops those before it whose select
  // has fired elsewhere. Null if there is none.
  Waiter* PopClaimed() {
    while (Waiter* waiter = First()) {
      RemoveFirst(*waiter);
      if (waiter->Claim()) return waiter;
    }
    return nullptr;
  }

 private:
  // Remove(), of what is known to be the first.
  void RemoveFirst(Waiter& waiter) {
    SetFirst(waiter.next);
    if (waiter.next != nullptr) {
      waiter.next->prev = nullptr;
    } else {
      last_ = nullptr;
    }
    waiter.queued = false;
  }

  Waiter* First() const {
    // Relaxed: under the lock that guards all writes.
    return first_.load(std::memory_order_relaxed);
  }
  void SetFirst(Waiter* waiter) {
    // ORDER(chan.waiting): release; pairs with the acquire in MaybeWaiting().
    first_.store(waiter, std::memory_order_release);
  }

  sched_internal::Atom<Waiter*> first_{nullptr};
  Waiter* last_ = nullptr;
};

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_WAITER_H_
