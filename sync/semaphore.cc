// States and protocol: DESIGN.md, "Semaphore".
#include "weft/sync/semaphore.h"

#include "weft/sched/internal/race.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sync/internal/deadline.h"
#include "weft/sync/internal/spin.h"

namespace weft {

using sync_internal::kNever;
using sync_internal::WaitList;

Semaphore::Semaphore(int64_t size)
    : state_(static_cast<uint64_t>(size) << kShift), size_(static_cast<uint64_t>(size)) {
  CheckWeight(size);
}

void Semaphore::CheckWeight(int64_t n) {
  if (n < 0 || n > INT64_MAX >> kShift) Panic("semaphore: weight out of range");
}

void Semaphore::Acquire(int64_t n) {
  if (!TryOnce(n)) AcquireUntil(n, kNever);
  race::Acquire(this);
  sched_internal::SafePoint(sched_internal::Op::kAcquire, this);
}

bool Semaphore::TryAcquireFor(absl::Duration timeout, int64_t n) {
  if (TryAcquire(n)) return true;
  if (timeout <= absl::ZeroDuration() || !AcquireUntil(n, sync_internal::DeadlineAfter(timeout)))
    return false;
  race::Acquire(this);
  return true;
}

bool Semaphore::TryAcquire(int64_t n) {
  const bool taken = !sched_internal::SimSpuriousFailure() && TryOnce(n);
  if (taken) race::Acquire(this);
  sched_internal::SafePoint(sched_internal::Op::kAcquire, this);
  return taken;
}

bool Semaphore::TryOnce(int64_t n) {
  CheckWeight(n);
  const auto weight = static_cast<uint64_t>(n);
  // Relaxed: re-checked by the CAS below.
  uint64_t state = state_.load(std::memory_order_relaxed);
  while (!(state & kWaiting) && state >> kShift >= weight) {
    // ORDER(semaphore): acquire; pairs with the releases in Release() and Settle().
    if (state_.compare_exchange_weak(state, state - (weight << kShift), std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool Semaphore::AcquireUntil(int64_t n, int64_t deadline_ns) {
  Waiter self(n);
  self.contested = deadline_ns != kNever;
  sched_internal::SimTouch(this);
  if (AcquireOrEnqueue(&self)) return true;
  if (self.AwaitUntil(deadline_ns, WaitReason::kSemacquire)) return true;
  Withdraw(&self);
  return false;
}

// Returns true if it got the permits, false if `self` waits. Who asks for more than there will ever
// be waits outside of the queue, where it is in nobody's way.
bool Semaphore::AcquireOrEnqueue(Waiter* self) {
  const sync_internal::QueueScope scope;
  const auto weight = static_cast<uint64_t>(self->weight);
  if (weight > size_) return false;
  uint64_t state = sync_internal::LockBit(state_, kQueue);
  while (!(state & kWaiting)) {
    if (state >> kShift >= weight) {
      // ORDER(semaphore): acquire; pairs with the releases in Release() and Settle().
      // ORDER(sync.bit): release.
      if (state_.compare_exchange_weak(state, (state & ~kQueue) - (weight << kShift),
                                       std::memory_order_acq_rel, std::memory_order_relaxed)) {
        return true;
      }
    } else if (state_.compare_exchange_weak(state, state | kWaiting, std::memory_order_relaxed,
                                            std::memory_order_relaxed)) {
      // Relaxed: says only that a Release() must come to the queue; what it finds there is ordered
      // by kQueue.
      break;
    }
  }
  queue_.PushBack(self);
  // ORDER(sync.bit): release; pairs with the acquires of kQueue. Publishes the queue.
  state_.fetch_and(~kQueue, std::memory_order_release);
  return false;
}

void Semaphore::Release(int64_t n) {
  Give(n);
  sched_internal::SafePoint(sched_internal::Op::kRelease, this);  // which does not look into *this
}

void Semaphore::Give(int64_t n) {
  race::Release(this);
  CheckWeight(n);
  const auto weight = static_cast<uint64_t>(n);
  // Relaxed: re-checked by the CASes below.
  uint64_t state = state_.load(std::memory_order_relaxed);
  for (;;) {
    if ((state >> kShift) + weight > size_) Panic("semaphore: released more than held");
    if (!(state & kWaiting)) {
      // ORDER(semaphore): release; pairs with the acquires in TryAcquire(), AcquireOrEnqueue() and
      // below. All changes of the word are RMWs, so who takes the permits synchronizes with all who
      // gave some.
      if (state_.compare_exchange_weak(state, state + (weight << kShift), std::memory_order_release,
                                       std::memory_order_relaxed)) {
        return;
      }
    } else if (state & kQueue) {
      sched_internal::ThreadYield();
      state = state_.load(std::memory_order_relaxed);
    } else {
      const sync_internal::QueueScope scope;
      // ORDER(sync.bit), ORDER(semaphore): acquire; pairs with the releases of kQueue and of the
      // former Release()s.
      if (state_.compare_exchange_weak(state, state | kQueue, std::memory_order_acq_rel,
                                       std::memory_order_relaxed)) {
        return Settle((state >> kShift) + weight);
      }
    }
  }
}

// A cancelled waiter may have kept back smaller ones behind it.
void Semaphore::Withdraw(Waiter* self) {
  const sync_internal::QueueScope scope;
  if (static_cast<uint64_t>(self->weight) > size_) return;
  const uint64_t state = sync_internal::LockBit(state_, kQueue);
  if (self->queued) queue_.Remove(self);
  if (state & kWaiting) return Settle(state >> kShift);
  // ORDER(sync.bit): release; pairs with the acquires of kQueue.
  state_.fetch_and(~kQueue, std::memory_order_release);
}

// Serves the queue from its front as far as `free` permits go, and releases kQueue. With kWaiting
// set nobody else changes the word meanwhile.
void Semaphore::Settle(uint64_t free) {
  WaitList granted;
  while (!queue_.empty()) {
    auto* const front = static_cast<Waiter*>(queue_.front());
    const auto weight = static_cast<uint64_t>(front->weight);
    if (weight > free) break;
    queue_.PopFront();
    if (!front->ClaimWake()) continue;
    free -= weight;
    granted.PushBack(front);
  }
  // The last access to *this. ORDER(semaphore), ORDER(sync.bit): release; pairs with the acquires
  // of all who take permits or own kQueue later. Those who were granted synchronize through
  // Ready().
  state_.store(free << kShift | (queue_.empty() ? 0 : kWaiting), std::memory_order_release);
  ReadyAll(granted);
}

}  // namespace weft
