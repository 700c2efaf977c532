#include "weft/sync/cond.h"

#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/panic.h"

namespace weft {

using sched_internal::SpinLockHolder;
using sync_internal::Waiter;
using sync_internal::WaitList;

namespace {

// Whether the waiter is durably blocked in a synctest bubble that is not the caller's.
bool IsForeign(const Waiter* waiter) {
  return waiter->bubble != 0 && waiter->bubble != sched_internal::SimBubble();
}

[[noreturn]] void FatalForeign() {
  Fatal("semaphore wake of synctest fiber from outside bubble");
}

}  // namespace

bool Cond::WaitUntilNanos(int64_t deadline_ns, WaitReason reason) {
  struct Relock {
    ~Relock() { cond->lock_(cond->lockable_); }
    Cond* cond;
  };
  Waiter self;
  self.contested = deadline_ns != sync_internal::kNever;
  if (reason == WaitReason::kSyncCondWait) self.bubble = sched_internal::SimBubble();
  sched_internal::SimTouch(this);
  Enqueue(&self);
  unlock_(lockable_);
  Relock relock{this};
  if (self.AwaitUntil(deadline_ns, reason)) return true;
  Withdraw(&self);
  return false;
}

void Cond::Enqueue(Waiter* waiter) {
  SpinLockHolder holder(queue_lock_);
  waiters_.PushBack(waiter);
  // Relaxed: who must see it holds the user's lock after us, or races with us anyway.
  count_.fetch_add(1, std::memory_order_relaxed);
}

// Of a waiter whose time ran out. A Signal() that met it in the queue has gone on to the next.
void Cond::Withdraw(Waiter* waiter) {
  SpinLockHolder holder(queue_lock_);
  if (!waiter->queued) return;
  waiters_.Remove(waiter);
  // Relaxed: as in Enqueue().
  count_.fetch_sub(1, std::memory_order_relaxed);
}

void Cond::Signal() {
  // Relaxed: whoever waits for what the caller has done under the lock counted itself before it
  // unlocked.
  if (count_.load(std::memory_order_relaxed) != 0) SignalOne();
  sched_internal::SafePoint(sched_internal::Op::kSignal, this);
}

void Cond::SignalOne() {
  Waiter* woken = nullptr;
  {
    SpinLockHolder holder(queue_lock_);
    while (woken == nullptr && !waiters_.empty()) {
      Waiter* const front = waiters_.PopFront();
      // Relaxed: as in Enqueue().
      count_.fetch_sub(1, std::memory_order_relaxed);
      if (front->ClaimWake()) woken = front;
    }
  }
  if (woken == nullptr) return;
  if (IsForeign(woken)) [[unlikely]] FatalForeign();
  Ready(woken->self);
}

void Cond::Broadcast() {
  // Relaxed: as in Signal().
  if (count_.load(std::memory_order_relaxed) != 0) SignalAll();
  sched_internal::SafePoint(sched_internal::Op::kSignal, this);
}

void Cond::SignalAll() {
  WaitList woken;
  bool foreign = false;
  {
    SpinLockHolder holder(queue_lock_);
    while (Waiter* waiter = waiters_.PopClaimed()) {
      foreign |= IsForeign(waiter);
      woken.PushBack(waiter);
    }
    // Relaxed: as in Enqueue().
    count_.store(0, std::memory_order_relaxed);
  }
  if (foreign) [[unlikely]] FatalForeign();
  ReadyAll(woken);
}

}  // namespace weft
