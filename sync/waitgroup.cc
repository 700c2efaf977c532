// The protocol and the proof that the last Done() is done with the object in time: DESIGN.md,
// "WaitGroup".
#include "weft/sync/waitgroup.h"

#include "weft/sched/internal/race.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"

#if !defined(WEFT_MODEL)
#include "weft/sched/internal/thread_local.h"
#endif

namespace weft {
namespace {

constexpr uint64_t kOneWaiter = 1;
constexpr uint64_t kBubble = uint64_t{1} << 31;
constexpr int kCounterShift = 32;
constexpr uintptr_t kPermitsTag = 1;

int32_t Counter(uint64_t state) { return static_cast<int32_t>(state >> kCounterShift); }
uint32_t Waiters(uint64_t state) { return static_cast<uint32_t>(state & (kBubble - 1)); }

// Whether the next safe point is not to be passed by; in a simulated world always.
bool SafePointIsDue() {
#if defined(WEFT_MODEL)
  return false;
#else
  return sched_internal::PreemptRequested();
#endif
}

uintptr_t PermitCount(uintptr_t word) { return word >> 1; }
uintptr_t Permits(uintptr_t n) { return n == 0 ? 0 : n << 1 | kPermitsTag; }

}  // namespace

// Lives in the frame of Await().
struct WaitGroup::Waiter {
  Parkable* self;
  Waiter* next = nullptr;
};

void WaitGroup::Add(int delta) {
  // A safe point at the beginning serves as well as one at the end, and asks for a simulation at no
  // cost.
  if (SafePointIsDue()) [[unlikely]] return AddAtSafePoint(delta);
  Count(delta);
}

void WaitGroup::AddAtSafePoint(int delta) {
  if (sched_internal::Sim() != nullptr) JoinBubble();
  Count(delta);
  sched_internal::SafePoint(sched_internal::Op::kAdd, this);  // which does not look into *this
}

[[gnu::always_inline]] inline void WaitGroup::Count(int delta) {
  const uint64_t change = static_cast<uint64_t>(static_cast<int64_t>(delta)) << kCounterShift;
  if (delta < 0) race::Release(this);
  // (A) ORDER(wg.zero): acq_rel; pairs with the acquire in Wait() and, through the chain of Add()s,
  // with itself: the one that reaches zero has acquired the writes of all others. Publishes the
  // caller's writes.
  const uint64_t state = state_.fetch_add(change, std::memory_order_acq_rel) + change;
  // Waiters, or kBubble.
  if (Counter(state) < 0 || static_cast<uint32_t>(state) != 0) [[unlikely]] Settle(state, delta);
  // Go: the first Add() must be ordered with Wait(), as if it read what the first Wait() writes.
  if (delta > 0 && Counter(state) == delta) race::Read(&waiters_);
}

// Beyond counting: what `state`, which this Add() has left, asks for.
void WaitGroup::Settle(uint64_t state, int delta) {
  if (Counter(state) < 0) Panic("sync: negative WaitGroup counter");
  if ((state & kBubble) != 0) CheckOutside(state, delta);
  if (Waiters(state) == 0) return;
  if (delta > 0 && Counter(state) == delta)
    Panic("sync: WaitGroup misuse: Add called concurrently with Wait");
  if (Counter(state) == 0) Release(state);
}

// In a simulated world, before the counter changes: the WaitGroup is the world's from now on.
void WaitGroup::JoinBubble() {
  // Relaxed, here and below: fibers of one world share a thread, and all others are misuse, which
  // is found sooner or later.
  const uint64_t before = state_.fetch_or(kBubble, std::memory_order_relaxed);
  if ((before & kBubble) == 0) {
    if (before != 0) Fatal("sync: WaitGroup.Add called from inside and outside synctest bubble");
    return sched_internal::SimAdopt(this);
  }
  const sched_internal::SimOwner owner = sched_internal::SimOwnerOf(this);
  if (owner == sched_internal::SimOwner::kCaller) return;
  // One that is not used any more may be had.
  if (owner == sched_internal::SimOwner::kOther || before != kBubble)
    Fatal("sync: WaitGroup.Add called from multiple synctest bubbles");
  sched_internal::SimAdopt(this);
}

// After an Add() to a WaitGroup that is a world's. If the caller is in none, that world must have
// ended, with nothing left to count.
void WaitGroup::CheckOutside(uint64_t state, int delta) {
  if (sched_internal::Sim() != nullptr) return;
  if (Waiters(state) != 0 || Counter(state) != delta ||
      sched_internal::SimOwnerOf(this) != sched_internal::SimOwner::kNobody) {
    Fatal("sync: WaitGroup.Add called from inside and outside synctest bubble");
  }
  state_.fetch_and(~kBubble, std::memory_order_relaxed);  // nothing is published
}

// By Wait(), with a counter of zero.
void WaitGroup::LeaveBubble(uint64_t state) {
  if (Waiters(state) != 0 || sched_internal::SimOwnerOf(this) != sched_internal::SimOwner::kCaller)
    return;
  // Relaxed: as in JoinBubble().
  if (state_.compare_exchange_strong(state, 0, std::memory_order_relaxed,
                                     std::memory_order_relaxed)) {
    sched_internal::SimRelease(this);
  }
}

void WaitGroup::Wait() {
  // ORDER(wg.zero): acquire; pairs with the release in Add().
  uint64_t state = state_.load(std::memory_order_acquire);
  do {
    if (Counter(state) == 0) {
      if ((state & kBubble) != 0) [[unlikely]] LeaveBubble(state);
      race::Acquire(this);
      return sched_internal::SafePoint(sched_internal::Op::kWait, this);
    }
    // ORDER(wg.zero): acquire, for the load of a failure; pairs with the release in Add(). A
    // success needs no order: the waiter publishes itself in Await().
  } while (!state_.compare_exchange_weak(state, state + kOneWaiter, std::memory_order_acquire,
                                         std::memory_order_acquire));
  if (sched_internal::Sim() != nullptr) [[unlikely]] {
    // Durable only where nobody else may count down.
    sched_internal::SimTouch(this, (state & kBubble) != 0 && sched_internal::SimOwnerOf(this) ==
                                                                 sched_internal::SimOwner::kCaller);
  }
  if (Waiters(state) == 0) race::Write(&waiters_);  // see Count()
  Await();
  race::Acquire(this);
  // Relaxed: Await() has synchronized with the release of the waiters; a later reuse is a race that
  // this may miss.
  if ((state_.load(std::memory_order_relaxed) & ~kBubble) != 0) {
    Panic("sync: WaitGroup is reused before previous Wait has returned");
  }
}

// Returns for one permit of Release(): found in waiters_, or given by Ready().
void WaitGroup::Await() {
  Waiter self{CurrentParkable()};
  // ORDER(wg.permits): acquire; pairs with the release of (B) in Release().
  uintptr_t head = waiters_.load(std::memory_order_acquire);
  for (;;) {
    if (head & kPermitsTag) {
      // ORDER(wg.permits): acquire; pairs with (B): the Done() that left the permit has happened.
      // What fellow waiters and (C) do in between are RMWs and keep (B)'s release sequence.
      if (waiters_.compare_exchange_weak(head, Permits(PermitCount(head) - 1),
                                         std::memory_order_acquire, std::memory_order_acquire)) {
        return;
      }
      continue;
    }
    // Not to be looked into: it may be gone if the exchange fails.
    self.next = reinterpret_cast<Waiter*>(head);
    // ORDER(wg.push): release; pairs with the acquire of (B). Publishes `self`. The acquire is for
    // a failure, as above.
    if (waiters_.compare_exchange_weak(head, reinterpret_cast<uintptr_t>(&self),
                                       std::memory_order_acq_rel, std::memory_order_acquire)) {
      break;
    }
  }
  Park(WaitReason::kSyncWaitGroupWait);
}

// Lets all waiters of `state` go. Those that have counted themselves but are not on the stack yet
// find permits.
void WaitGroup::Release(uint64_t state) {
  const uint32_t count = Waiters(state);
  if ((state & kBubble) != 0) sched_internal::SimRelease(this);
  // Relaxed: the waiters synchronize through waiters_ and Ready(). An RMW, so the release sequence
  // of (A) goes on for a Wait() that reads the zero.
  if (!state_.compare_exchange_strong(state, 0, std::memory_order_relaxed,
                                      std::memory_order_relaxed)) {
    Panic("sync: WaitGroup misuse: Add called concurrently with Wait");
  }
  // (B) The last access to *this if nobody is on the stack. ORDER(wg.permits): acq_rel; release
  // pairs with the acquires in Await(), acquire with the push there.
  const uintptr_t head = waiters_.exchange(Permits(count), std::memory_order_acq_rel);
  if (head & kPermitsTag) Panic("sync: WaitGroup is reused before previous Wait has returned");
  auto* const stack = reinterpret_cast<Waiter*>(head);
  if (stack == nullptr) return;
  uint32_t stacked = 0;
  for (const Waiter* waiter = stack; waiter != nullptr; waiter = waiter->next) ++stacked;
  TakePermits(stacked);
  if (stacked == 1) return Ready(stack->self);
  for (Waiter* waiter = stack; waiter != nullptr;) {
    Waiter* const next = waiter->next;  // before ReadyLast(), which ends the waiter's life
    ReadyLast(waiter->self);
    waiter = next;
  }
}

// Takes back the permits of those that Ready() wakes.
void WaitGroup::TakePermits(uint32_t n) {
  // Relaxed: re-checked by the CAS below.
  uintptr_t permits = waiters_.load(std::memory_order_relaxed);
  // (C) The last access to *this. Relaxed: an RMW in the release sequence of (B); changes a number
  // only.
  while (!waiters_.compare_exchange_weak(permits, Permits(PermitCount(permits) - n),
                                         std::memory_order_relaxed, std::memory_order_relaxed)) {
  }
}

}  // namespace weft
