// rwmutex.h: a lock for one writer or many readers, for fibers and threads.
//
// Go: sync.RWMutex. Also has timed forms.
//
// Thread safety: all methods, from fibers and threads alike.
// Blocks: lock(), lock_shared() and the timed forms: the fiber, or the thread when the caller is
//   not a fiber. The others: nothing.
// Ordering: each unlock() synchronizes with every later lock() and lock_shared(), each
//   unlock_shared() with every later lock().
// Lifetime: may be destroyed once it is unlocked for good, by whoever locked it last.
// Misuse: `sync: Unlock of unlocked RWMutex` and `sync: RUnlock of unlocked RWMutex` are fatal. A
//   reader that locks for reading again deadlocks as soon as a writer has come in between: a
//   waiting writer keeps new readers out.
// Cost: each operation one compare-exchange, 2.2 ns alone; no allocation; 24 bytes.
//
// When a writer unlocks, all readers that came meanwhile go before the next writer; when the last
// reader unlocks, the writer that has waited longest goes next. So neither side can starve the
// other.
//
//   weft::RWMutex mu;
//   { weft::ReaderLock lock(mu); Look(); }
//   { weft::WriterLock lock(mu); Change(); }
#ifndef WEFT_SYNC_RWMUTEX_H_
#define WEFT_SYNC_RWMUTEX_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sync/internal/guard.h"
#include "weft/sync/internal/waiter.h"

namespace weft {

class RWMutex;

// What RWMutex::RLocker() returns.
using RLocker = sync_internal::ReadersSide<RWMutex>;

class ABSL_LOCKABLE RWMutex {
 public:
  RWMutex() = default;
  RWMutex(const RWMutex&) = delete;
  RWMutex& operator=(const RWMutex&) = delete;

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (!TryWrite()) LockUntil(Side::kWrite, sync_internal::kNever);
    RaceLocked();
    sched_internal::SimPoint(sched_internal::Op::kLock, this);
  }
  bool TryLockFor(absl::Duration timeout) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);
  bool TryLockUntil(absl::Time deadline) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);

  void lock_shared() ABSL_SHARED_LOCK_FUNCTION() {
    if (!TryRead()) LockUntil(Side::kRead, sync_internal::kNever);
    RaceLockedShared();
    sched_internal::SimPoint(sched_internal::Op::kReadLock, this);
  }
  bool TryLockSharedFor(absl::Duration timeout) ABSL_SHARED_TRYLOCK_FUNCTION(true);
  bool TryLockSharedUntil(absl::Time deadline) ABSL_SHARED_TRYLOCK_FUNCTION(true);

  void unlock() ABSL_UNLOCK_FUNCTION() {
    race::Release(this);
    uint64_t alone = kWriter;
    // ORDER(rwmutex.lock): release; pairs with the acquires in both try forms.
    if (!state_.compare_exchange_strong(alone, 0, std::memory_order_release,
                                        std::memory_order_relaxed))
      UnlockSlow();
    sched_internal::SafePoint(sched_internal::Op::kUnlock, this);
  }

  void unlock_shared() ABSL_UNLOCK_FUNCTION() {
    race::Release(RaceReaders());
    if (!LeaveShared()) UnlockSharedSlow();
    sched_internal::SafePoint(sched_internal::Op::kReadUnlock, this);
  }

  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    const bool locked = !sched_internal::SimSpuriousFailure() && TryWrite();
    if (locked) RaceLocked();
    sched_internal::SimPoint(sched_internal::Op::kTryLock, this);
    return locked;
  }

  // Fails also while a writer waits.
  bool try_lock_shared() ABSL_SHARED_TRYLOCK_FUNCTION(true) {
    const bool locked = !sched_internal::SimSpuriousFailure() && TryRead();
    if (locked) RaceLockedShared();
    sched_internal::SimPoint(sched_internal::Op::kTryLock, this);
    return locked;
  }

  // A view of this mutex whose lock() and unlock() are those of a reader.
  weft::RLocker RLocker();

 private:
  // bit 0     kWriter   a writer holds the lock
  //     1     kQueue    somebody changes the queues; whoever else wants to, spins
  //     2     kWaiting  somebody waits, so newcomers must, too
  //     3..63           how many readers hold the lock
  // Invariant: kWriter excludes readers. kWaiting means that the lock is held, and while it is set
  // only an owner of kQueue lets anybody in or the last one out.
  static constexpr uint64_t kWriter = 1;
  static constexpr uint64_t kQueue = 2;
  static constexpr uint64_t kWaiting = 4;
  static constexpr uint64_t kReader = 8;

  enum class Side { kRead, kWrite };

  // To the race detector a reader comes after the writers before it, and a writer after everybody;
  // readers say nothing to each other.
  const void* RaceReaders() const { return reinterpret_cast<const char*>(this) + 1; }
  void RaceLockedShared() const { race::Acquire(this); }
  void RaceLocked() const {
    race::Acquire(this);
    race::Acquire(RaceReaders());
  }

  bool TryWrite() {
    uint64_t free = 0;
    // ORDER(rwmutex.lock), ORDER(rwmutex.read): acquire; pairs with the releases in all unlocks and
    // in PassOn().
    return state_.compare_exchange_strong(free, kWriter, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }

  bool TryRead() {
    // Relaxed: re-checked by the CAS below.
    uint64_t state = state_.load(std::memory_order_relaxed);
    while (!(state & (kWriter | kWaiting))) {
      // ORDER(rwmutex.lock): acquire; pairs with the releases in unlock(), UnlockSlow() and
      // PassOn().
      if (state_.compare_exchange_weak(state, state + kReader, std::memory_order_acquire,
                                       std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  // Takes a reader's share away if nobody waits for it.
  bool LeaveShared() {
    // Relaxed: re-checked by the CAS below.
    uint64_t state = state_.load(std::memory_order_relaxed);
    while (state >= kReader && !(state & kWaiting)) {
      // ORDER(rwmutex.read): release; pairs with the acquires in TryWrite(), LockOrEnqueue() and
      // UnlockSharedSlow(). Fellow readers' changes in between are RMWs and keep the release
      // sequence.
      if (state_.compare_exchange_weak(state, state - kReader, std::memory_order_release,
                                       std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  bool LockUntil(Side side, int64_t deadline_ns);
  bool Try(Side side) { return side == Side::kRead ? TryRead() : TryWrite(); }
  bool Spin(Side side);
  bool LockOrEnqueue(Side side, sync_internal::Waiter* self);
  void Withdraw(Side side, sync_internal::Waiter* self);
  void UnlockSlow();
  void UnlockSharedSlow();
  void PassOn(bool readers_first);
  uint64_t TakeReaders(sync_internal::WaitList* granted);
  sync_internal::WaitList& Queue(Side side) { return side == Side::kRead ? readers_ : writers_; }
  uint64_t WaitingFlag() const { return readers_.empty() && writers_.empty() ? 0 : kWaiting; }

  sched_internal::Atom<uint64_t> state_{0};

  // Guarded by kQueue.
  sync_internal::WaitList readers_;
  sync_internal::WaitList writers_;
};

inline RLocker RWMutex::RLocker() { return weft::RLocker(this); }

// Hold it for a scope.
using WriterLock = sync_internal::ExclusiveGuard<RWMutex>;
using ReaderLock = sync_internal::SharedGuard<RWMutex>;

}  // namespace weft

#endif  // WEFT_SYNC_RWMUTEX_H_
