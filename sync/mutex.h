// mutex.h: mutual exclusion for fibers and threads.
//
// Go: sync.Mutex. Also has timed forms. As in Go it is not reentrant and not owned: another fiber
//   may unlock it.
//
// Thread safety: all methods, from fibers and threads alike.
// Blocks: lock() and the timed forms: the fiber, or the thread when the caller is not a fiber.
//   unlock(), try_lock(): nothing.
// Ordering: each unlock() synchronizes with every later lock(), and with every later try that
//   succeeds.
// Lifetime: may be destroyed once it is unlocked for good, by whoever locked it last, even while
//   the unlock() of somebody before has not returned.
// Misuse: unlock() of an unlocked mutex is fatal: `sync: unlock of unlocked mutex`. Locking it
//   twice deadlocks.
// Cost: lock() and unlock() one compare-exchange each, 2.2 ns each alone; no allocation; 8 bytes.
//
// Newcomers may overtake those who wait, which is fast, until the first in line was overtaken twice
// or has waited for a millisecond; from then on the lock is handed from one to the next in the
// order of arrival.
//
//   weft::Mutex mu;
//   int total ABSL_GUARDED_BY(mu) = 0;
//   { weft::MutexLock lock(mu); ++total; }
#ifndef WEFT_SYNC_MUTEX_H_
#define WEFT_SYNC_MUTEX_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sync/internal/guard.h"

namespace weft {

namespace sync_internal {
class WaitList;
}  // namespace sync_internal

class ABSL_LOCKABLE Mutex {
 public:
  constexpr Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    uintptr_t free = 0;
    // ORDER(mutex.lock): acquire; pairs with the releases in unlock(), UnlockSlow() and PassOn().
    if (!word_.compare_exchange_strong(free, kLocked, std::memory_order_acquire,
                                       std::memory_order_relaxed))
      LockSlow();
    race::Acquire(this);
    sched_internal::SimPoint(sched_internal::Op::kLock, this);
  }

  // Gives up when it has not got the lock in time. A time that is over still takes a free lock.
  bool TryLockFor(absl::Duration timeout) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);
  bool TryLockUntil(absl::Time deadline) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);

  void unlock() ABSL_UNLOCK_FUNCTION() {
    race::Release(this);
    uintptr_t alone = kLocked;
    // ORDER(mutex.lock): release; pairs with the acquires in lock(), try_lock(), Spin() and
    // LockOrEnqueue().
    if (!word_.compare_exchange_strong(alone, 0, std::memory_order_release,
                                       std::memory_order_relaxed))
      UnlockSlow();
    sched_internal::SafePoint(sched_internal::Op::kUnlock, this);
  }

  // May fail while the lock changes hands.
  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);

 private:
  struct Waiter;

  // bit 0     kLocked    somebody holds the mutex
  //     1     kQueue     somebody changes the queue; whoever else wants to, spins
  //     2     kWoken     one waiter is on its way to the lock, so an unlock need not wake another
  //     3     kStarving  the lock is handed over; newcomers neither overtake nor spin
  //     4..63            the first waiter, or null
  // Invariant: a queue with kLocked clear and kWoken clear has kQueue set, and its owner lets
  // somebody have the lock.
  // Invariant: who holds kLocked and kQueue is the only one to write the word.
  static constexpr uintptr_t kLocked = 1;
  static constexpr uintptr_t kQueue = 2;
  static constexpr uintptr_t kWoken = 4;
  static constexpr uintptr_t kStarving = 8;
  static constexpr uintptr_t kFlags = 15;

  void LockSlow();
  bool TryOnce();
  bool LockUntil(int64_t deadline_ns);
  bool Spin(bool* token);
  bool LockOrEnqueue(Waiter* self, bool token);
  bool Settle(sync_internal::WaitList list, Waiter* self);
  bool Withdraw(Waiter* self);
  void UnlockSlow();
  void PassOn(uintptr_t word, sync_internal::WaitList list, int64_t now_ns);

  static sync_internal::WaitList Queue(uintptr_t word);
  static uintptr_t Word(sync_internal::WaitList list, uintptr_t flags);

  sched_internal::Atom<uintptr_t> word_{0};
};

// Holds a mutex for a scope.
using MutexLock = sync_internal::ExclusiveGuard<Mutex>;

}  // namespace weft

#endif  // WEFT_SYNC_MUTEX_H_
