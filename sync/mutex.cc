// The slow paths. States and the argument that no wake-up is lost: DESIGN.md, "Mutex".
#include "weft/sync/mutex.h"

#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/timer.h"
#include "weft/sync/internal/deadline.h"
#include "weft/sync/internal/spin.h"
#include "weft/sync/internal/waiter.h"

namespace weft {

using sync_internal::kNever;
using sync_internal::WaitList;

namespace {
constexpr int64_t kStarvationNanos = 1'000'000;
constexpr int kPatience = 2;
}  // namespace

// Lives in the frame of LockUntil(). `granted` belongs to the owner of kQueue until Ready().
struct Mutex::Waiter : sync_internal::Waiter {
  int64_t since_ns = MonotonicNanos();
  int beaten = 0;
  bool granted = false;
};

WaitList Mutex::Queue(uintptr_t word) {
  return WaitList(reinterpret_cast<sync_internal::Waiter*>(word & ~kFlags));
}

// Nobody starves in an empty queue.
uintptr_t Mutex::Word(WaitList list, uintptr_t flags) {
  if (list.empty()) flags &= ~kStarving;
  return reinterpret_cast<uintptr_t>(list.front()) | flags;
}

bool Mutex::try_lock() {
  const bool locked = !sched_internal::SimSpuriousFailure() && TryOnce();
  if (locked) race::Acquire(this);
  sched_internal::SimPoint(sched_internal::Op::kTryLock, this);
  return locked;
}

bool Mutex::TryOnce() {
  // Relaxed: re-checked by the CAS below.
  uintptr_t word = word_.load(std::memory_order_relaxed);
  while ((word & (kLocked | kStarving)) == 0) {
    // ORDER(mutex.lock): acquire; pairs with the releases in unlock(), UnlockSlow() and PassOn().
    if (word_.compare_exchange_weak(word, word | kLocked, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool Mutex::TryLockFor(absl::Duration timeout) {
  if (try_lock()) return true;
  if (timeout <= absl::ZeroDuration() || !LockUntil(sync_internal::DeadlineAfter(timeout)))
    return false;
  race::Acquire(this);
  return true;
}

bool Mutex::TryLockUntil(absl::Time deadline) {
  return try_lock() || TryLockFor(deadline - WallNow());
}

void Mutex::LockSlow() { LockUntil(kNever); }

bool Mutex::LockUntil(int64_t deadline_ns) {
  bool token = false;  // whether kWoken is set on our behalf
  sched_internal::SimTouch(this);
  if (sync_internal::MaySpin() ? Spin(&token) : TryOnce()) return true;
  for (Waiter self;; ++self.beaten, token = true) {
    self.Reset(/*has_rivals=*/deadline_ns != kNever);
    if (LockOrEnqueue(&self, token)) return true;
    if (!self.AwaitUntil(deadline_ns, WaitReason::kSyncMutexLock)) return Withdraw(&self);
    if (self.granted) return true;
  }
}

bool Mutex::Spin(bool* token) {
  for (int look = 0; look < sync_internal::kLooks; ++look) {
    // Relaxed: re-checked by the CASes below.
    uintptr_t word = word_.load(std::memory_order_relaxed);
    if (word & kStarving) return false;
    if (!(word & kLocked)) {
      const uintptr_t locked = (*token ? word & ~kWoken : word) | kLocked;
      // ORDER(mutex.lock): acquire; pairs with the releases in unlock(), UnlockSlow() and PassOn().
      if (word_.compare_exchange_weak(word, locked, std::memory_order_acquire,
                                      std::memory_order_relaxed))
        return true;
    } else if (!*token && !(word & (kWoken | kQueue)) && !Queue(word).empty()) {
      // Relaxed: says only that we are here.
      *token = word_.compare_exchange_weak(word, word | kWoken, std::memory_order_relaxed,
                                           std::memory_order_relaxed);
    }
    sync_internal::PauseBetweenLooks();
  }
  return false;
}

// Returns true if it got the lock, false if `self` is in the queue. Gives the token back either
// way.
bool Mutex::LockOrEnqueue(Waiter* self, bool token) {
  const sync_internal::QueueScope scope;
  const bool starving = self->beaten >= kPatience ||
                        (self->beaten > 0 && MonotonicNanos() - self->since_ns >= kStarvationNanos);
  // Relaxed: re-checked by the CASes below.
  uintptr_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    const uintptr_t rest = token ? word & ~kWoken : word;
    if (!(word & (kLocked | kStarving))) {
      // ORDER(mutex.lock): acquire; pairs with the releases in unlock(), UnlockSlow() and PassOn().
      if (word_.compare_exchange_weak(word, rest | kLocked, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        return true;
      }
    } else if (!(word & kQueue)) {
      const uintptr_t owned = rest | kQueue | (starving ? kStarving : 0);
      // ORDER(mutex.queue): acquire; pairs with the releases in Settle() and PassOn(): the queue as
      // they left it.
      if (word_.compare_exchange_weak(word, owned, std::memory_order_acquire,
                                      std::memory_order_relaxed))
        break;
    } else {
      sched_internal::ThreadYield();
      word = word_.load(std::memory_order_relaxed);
    }
  }
  WaitList list = Queue(word);
  if (self->beaten > 0) {
    list.PushFront(self);
  } else {
    list.PushBack(self);
  }
  return Settle(list, self);
}

// Ends a change of the queue by an owner of kQueue that does not hold the lock. If the holder has
// left meanwhile, it relied on us (A): then the lock goes to `self`, which leaves the queue, or to
// the first in line if that one starves. Returns whether `self` got it.
bool Mutex::Settle(WaitList list, Waiter* self) {
  // Relaxed: re-checked by the CASes below.
  uintptr_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    if (word & kLocked) {
      const uintptr_t settled = Word(list, word & (kLocked | kWoken | kStarving));
      // ORDER(mutex.queue): release; pairs with the acquires of kQueue. Publishes the queue.
      if (word_.compare_exchange_weak(word, settled, std::memory_order_release,
                                      std::memory_order_relaxed))
        return false;
      continue;
    }
    // ORDER(mutex.lock): acquire; pairs with the releases in unlock() and UnlockSlow().
    if (word_.compare_exchange_weak(word, word | kLocked, std::memory_order_acquire,
                                    std::memory_order_relaxed))
      break;
  }
  if ((word & kStarving) && !list.empty() && list.front() != self) {
    PassOn(word | kLocked, list, MonotonicNanos());
    return false;
  }
  if (self->queued) list.Remove(self);
  // ORDER(mutex.queue): release; pairs with the acquires of kQueue. Publishes the queue.
  word_.store(Word(list, kLocked | (word & (kWoken | kStarving))), std::memory_order_release);
  return true;
}

// The deadline has passed. Returns true if the lock fell to us even so.
bool Mutex::Withdraw(Waiter* self) {
  const sync_internal::QueueScope scope;
  WaitList list = Queue(sync_internal::LockBit(word_, kQueue));
  if (self->queued) list.Remove(self);
  return Settle(list, self);
}

void Mutex::UnlockSlow() {
  const sync_internal::QueueScope scope;
  // Relaxed: re-checked by the CASes below.
  uintptr_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    if (!(word & kLocked)) Fatal("sync: unlock of unlocked mutex");
    if (Queue(word).empty() || (word & (kWoken | kQueue))) {
      // (A) Nobody to wake, or the bearer of the token, or the owner of the queue will see that the
      // lock is free. ORDER(mutex.lock): release; pairs with the acquires in lock(), try_lock(),
      // Spin(), LockOrEnqueue() and Settle().
      if (word_.compare_exchange_weak(word, word & ~kLocked, std::memory_order_release,
                                      std::memory_order_relaxed))
        return;
      continue;
    }
    const int64_t now_ns = word & kStarving ? MonotonicNanos() : 0;
    // ORDER(mutex.queue): acquire; pairs with the releases in Settle() and PassOn(): the queue as
    // they left it.
    if (word_.compare_exchange_weak(word, word | kQueue, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      return PassOn(word, Queue(word), now_ns);
    }
  }
}

// Releases kLocked and kQueue, which the caller owns. The first in line gets the lock if it
// starves; else it is woken to compete for it.
void Mutex::PassOn(uintptr_t word, WaitList list, int64_t now_ns) {
  auto* const first = static_cast<Waiter*>(list.PopClaimed());
  uintptr_t flags = 0;
  if (first != nullptr) {
    first->granted = (word & kStarving) &&
                     (first->beaten >= kPatience || now_ns - first->since_ns >= kStarvationNanos);
    flags = first->granted ? kLocked | kStarving : kWoken;
  }
  // The last access to *this. ORDER(mutex.lock), ORDER(mutex.queue): release; pairs with the
  // acquires of either bit. A granted waiter synchronizes through Ready().
  word_.store(Word(list, flags), std::memory_order_release);
  if (first != nullptr) Ready(first->self);
}

}  // namespace weft
