// SpinLock as its contract says, for model tests of code that uses it: lock() waits without
// spinning, so that the explorer need not look at every turn of every waiter. The real one is
// proven against the same contract by spin_lock_model_test. Included ahead of everything else
// (weft_cc_model_test() sees to it) it takes the place of sched/internal/spin_lock.h.
#ifndef WEFT_SCHED_TESTING_MODEL_SPIN_LOCK_H_
#define WEFT_SCHED_TESTING_MODEL_SPIN_LOCK_H_

#if defined(WEFT_SCHED_INTERNAL_SPIN_LOCK_H_)
#error "include model_spin_lock.h first"
#endif
#define WEFT_SCHED_INTERNAL_SPIN_LOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/exclusive_guard.h"
#include "weft/sched/testing/model_atomic.h"

namespace weft::sched_internal {

class ABSL_LOCKABLE SpinLock {
 public:
  SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { word_.WaitAndLock(); }

  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    uint32_t free = 0;
    return word_.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }

  void unlock() ABSL_UNLOCK_FUNCTION() { word_.store(0, std::memory_order_release); }

 private:
  model::Atomic<uint32_t> word_{0};
};

using SpinLockHolder = ExclusiveGuard<SpinLock>;

using VisibleSpinLock = SpinLock;
using VisibleSpinLockHolder = SpinLockHolder;

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_TESTING_MODEL_SPIN_LOCK_H_
