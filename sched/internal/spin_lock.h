// A lock for critical sections of a few dozen instructions that never park, allocate, or run users'
// code that could block. It is a lock of threads, not of fibers: the holder must release it before
// its fiber can switch. The holder is not preempted in prologues either, so that functions compiled
// with -fsplit-stack may be called.
//
// Thread safety: yes.
// Blocks: the thread, spinning; after a bounded spin it yields the thread, so that a holder that
//   the operating system has preempted can run.
// Ordering: the n-th unlock() synchronizes with every later lock().
// Cost: one compare-exchange and one store when free, and two additions to a thread-local word, 3
//   ns; 4 bytes.
#ifndef WEFT_SCHED_INTERNAL_SPIN_LOCK_H_
#define WEFT_SCHED_INTERNAL_SPIN_LOCK_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/exclusive_guard.h"
#include "weft/sched/internal/race.h"
#if !defined(WEFT_MODEL)
#include "weft/sched/internal/thread_local.h"
#endif

namespace weft::sched_internal {

class ABSL_LOCKABLE SpinLock {
 public:
  SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    Enter();
    if (!TryAcquire()) LockSlow();
  }

  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    Enter();
    if (TryAcquire()) return true;
    Leave();
    return false;
  }

  void unlock() ABSL_UNLOCK_FUNCTION() {
    // ORDER(spin.lock): release; pairs with the acquire in TryAcquire(). Publishes the critical
    // section.
    word_.store(0, std::memory_order_release);
    Leave();
  }

 private:
#if defined(WEFT_MODEL)
  static void Enter() {}
  static void Leave() {}
#else
  static void Enter() { AddNoPreempt(kNoPreemptSpinLock); }
  static void Leave() { AddNoPreempt(0 - kNoPreemptSpinLock); }
#endif

  bool TryAcquire() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    uint32_t free = 0;
    // ORDER(spin.lock): acquire; pairs with the release in unlock().
    return word_.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }

  void LockSlow() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    for (int turn = 0;; ++turn) {
      // Relaxed: only a hint; TryAcquire() decides.
      if (word_.load(std::memory_order_relaxed) == 0 && TryAcquire()) return;
      if (turn < kSpins) {
        CpuRelax();
      } else {
        ThreadYield();
      }
    }
  }

  static constexpr int kSpins = 64;

  Atom<uint32_t> word_{0};
};

using SpinLockHolder = ExclusiveGuard<SpinLock>;

#if defined(WEFT_RACE)
// A SpinLock that orders its holders to the race detector as well: for what stands for a lock of
// the program, or guards what the detector is to look at.
class ABSL_LOCKABLE VisibleSpinLock : public SpinLock {
 public:
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    SpinLock::lock();
    race::Acquire(this);
  }
  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    if (!SpinLock::try_lock()) return false;
    race::Acquire(this);
    return true;
  }
  void unlock() ABSL_UNLOCK_FUNCTION() {
    race::Release(this);
    SpinLock::unlock();
  }
};

using VisibleSpinLockHolder = ExclusiveGuard<VisibleSpinLock>;
#else
using VisibleSpinLock = SpinLock;
using VisibleSpinLockHolder = SpinLockHolder;
#endif

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_SPIN_LOCK_H_
