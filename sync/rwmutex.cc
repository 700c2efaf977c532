// The slow paths. States and protocol: DESIGN.md, "RWMutex".
#include "weft/sync/rwmutex.h"

#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/timer.h"
#include "weft/sync/internal/deadline.h"
#include "weft/sync/internal/spin.h"

namespace weft {

using sync_internal::kNever;
using sync_internal::Waiter;
using sync_internal::WaitList;

bool RWMutex::TryLockFor(absl::Duration timeout) {
  if (try_lock()) return true;
  if (timeout <= absl::ZeroDuration() ||
      !LockUntil(Side::kWrite, sync_internal::DeadlineAfter(timeout))) {
    return false;
  }
  RaceLocked();
  return true;
}

bool RWMutex::TryLockUntil(absl::Time deadline) {
  return try_lock() || TryLockFor(deadline - WallNow());
}

bool RWMutex::TryLockSharedFor(absl::Duration timeout) {
  if (try_lock_shared()) return true;
  if (timeout <= absl::ZeroDuration() ||
      !LockUntil(Side::kRead, sync_internal::DeadlineAfter(timeout))) {
    return false;
  }
  RaceLockedShared();
  return true;
}

bool RWMutex::TryLockSharedUntil(absl::Time deadline) {
  return try_lock_shared() || TryLockSharedFor(deadline - WallNow());
}

bool RWMutex::LockUntil(Side side, int64_t deadline_ns) {
  sched_internal::SimTouch(this);
  if (sync_internal::MaySpin() && Spin(side)) return true;
  Waiter self;
  self.contested = deadline_ns != kNever;
  if (LockOrEnqueue(side, &self)) return true;
  const WaitReason reason =
      side == Side::kRead ? WaitReason::kSyncRWMutexRLock : WaitReason::kSyncRWMutexLock;
  if (self.AwaitUntil(deadline_ns, reason)) return true;
  Withdraw(side, &self);
  return false;
}

bool RWMutex::Spin(Side side) {
  for (int look = 0; look < sync_internal::kLooks; ++look) {
    // Relaxed: only a hint; who waits would get the lock before us.
    if (state_.load(std::memory_order_relaxed) & kWaiting) return false;
    if (Try(side)) return true;
    sync_internal::PauseBetweenLooks();
  }
  return false;
}

// Returns true if it got the lock, false if `self` is in the queue.
bool RWMutex::LockOrEnqueue(Side side, Waiter* self) {
  const sync_internal::QueueScope scope;
  const uint64_t share = side == Side::kRead ? kReader : kWriter;
  const uint64_t obstacle = side == Side::kRead ? kWriter : ~kQueue;
  uint64_t state = sync_internal::LockBit(state_, kQueue);
  while (!(state & kWaiting)) {
    if (!(state & obstacle)) {
      // ORDER(rwmutex.lock), ORDER(rwmutex.read): acquire; pairs with the releases in all unlocks.
      // ORDER(sync.bit): release.
      if (state_.compare_exchange_weak(state, (state & ~kQueue) + share, std::memory_order_acq_rel,
                                       std::memory_order_relaxed)) {
        return true;
      }
    } else if (state_.compare_exchange_weak(state, state | kWaiting, std::memory_order_relaxed,
                                            std::memory_order_relaxed)) {
      // Relaxed: says only that the last holder must come to the queue; what it finds there is
      // ordered by kQueue.
      break;
    }
  }
  Queue(side).PushBack(self);
  // ORDER(sync.bit): release; pairs with the acquires of kQueue. Publishes the queue.
  state_.fetch_and(~kQueue, std::memory_order_release);
  return false;
}

// The deadline has passed. When the last waiting writer leaves, the readers that it has kept out
// come in.
void RWMutex::Withdraw(Side side, Waiter* self) {
  const sync_internal::QueueScope scope;
  uint64_t state = sync_internal::LockBit(state_, kQueue);
  if (self->queued) Queue(side).Remove(self);
  WaitList granted;
  const uint64_t shares = state & kWriter || !writers_.empty() ? 0 : TakeReaders(&granted);
  const uint64_t waiting = WaitingFlag();
  for (;;) {
    const uint64_t next = ((state & ~(kQueue | kWaiting)) | waiting) + shares;
    // ORDER(sync.bit): release; pairs with the acquires of kQueue. Publishes the queue.
    if (state_.compare_exchange_weak(state, next, std::memory_order_release,
                                     std::memory_order_relaxed))
      break;
  }
  ReadyAll(granted);
}

void RWMutex::UnlockSlow() {
  const sync_internal::QueueScope scope;
  // Relaxed: re-checked by the CAS below.
  uint64_t state = state_.load(std::memory_order_relaxed);
  for (;;) {
    if (!(state & kWriter)) Fatal("sync: Unlock of unlocked RWMutex");
    if (state & kWaiting) break;
    // An owner of kQueue, if there is one, will see that the lock is free.
    // ORDER(rwmutex.lock): release; pairs with the acquires in both try forms and LockOrEnqueue().
    if (state_.compare_exchange_weak(state, state & ~kWriter, std::memory_order_release,
                                     std::memory_order_relaxed))
      return;
  }
  sync_internal::LockBit(state_, kQueue);
  PassOn(/*readers_first=*/true);
}

void RWMutex::UnlockSharedSlow() {
  const sync_internal::QueueScope scope;
  // Relaxed: re-checked by the CASes below.
  uint64_t state = state_.load(std::memory_order_relaxed);
  for (;;) {
    if (state < kReader) Fatal("sync: RUnlock of unlocked RWMutex");
    if (!(state & kWaiting) || state >= 2 * kReader) {
      // ORDER(rwmutex.read): release; pairs with the acquires in try_lock(), LockOrEnqueue() and
      // below.
      if (state_.compare_exchange_weak(state, state - kReader, std::memory_order_release,
                                       std::memory_order_relaxed))
        return;
    } else if (state & kQueue) {
      sched_internal::ThreadYield();
      state = state_.load(std::memory_order_relaxed);
    } else if (state_.compare_exchange_weak(state, state | kQueue, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
      // ORDER(sync.bit), ORDER(rwmutex.read): acquire; pairs with the releases of kQueue and of the
      // former readers.
      return PassOn(/*readers_first=*/false);
    }
  }
}

// Releases kQueue and the lock, whose only holder the caller is, to those who are next.
void RWMutex::PassOn(bool readers_first) {
  WaitList granted;
  uint64_t next = readers_first ? TakeReaders(&granted) : 0;
  if (next == 0) {
    if (Waiter* const writer = writers_.PopClaimed()) {
      granted.PushBack(writer);
      next = kWriter;
    } else {
      next = TakeReaders(&granted);
    }
  }
  // The last access to *this. ORDER(rwmutex.lock), ORDER(rwmutex.read), ORDER(sync.bit): release;
  // pairs with the acquires of all who lock or own kQueue later. Those who were granted synchronize
  // through Ready().
  state_.store(next | WaitingFlag(), std::memory_order_release);
  ReadyAll(granted);
}

// Takes all readers out of the queue and returns their shares of the lock.
uint64_t RWMutex::TakeReaders(WaitList* granted) {
  uint64_t shares = 0;
  while (Waiter* const reader = readers_.PopClaimed()) {
    granted->PushBack(reader);
    shares += kReader;
  }
  return shares;
}

}  // namespace weft
