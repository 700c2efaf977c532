// guard.h: what holds a lock for a scope, and a reader's side as a lock of its own, for all locks
// alike.
//
// Thread safety: as the lock. Blocks: as the lock.
// Lifetime: the lock must outlive them.
#ifndef WEFT_SYNC_INTERNAL_GUARD_H_
#define WEFT_SYNC_INTERNAL_GUARD_H_

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/exclusive_guard.h"

namespace weft::sync_internal {

using sched_internal::ExclusiveGuard;

template <typename Lock>
class ABSL_SCOPED_LOCKABLE SharedGuard {
 public:
  explicit SharedGuard(Lock& lock) ABSL_SHARED_LOCK_FUNCTION(lock) : lock_(lock) {
    lock_.lock_shared();
  }
  ~SharedGuard() ABSL_UNLOCK_FUNCTION() { lock_.unlock_shared(); }
  SharedGuard(const SharedGuard&) = delete;
  SharedGuard& operator=(const SharedGuard&) = delete;

 private:
  Lock& lock_;
};

// What RLocker() returns. The analysis takes it for a lock of its own.
template <typename Lock>
class ABSL_LOCKABLE ReadersSide {
 public:
  explicit ReadersSide(Lock* lock) : lock_(lock) {}

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    lock_->lock_shared();
  }
  void unlock() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_->unlock_shared(); }
  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return lock_->try_lock_shared();
  }

 private:
  Lock* lock_;
};

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_GUARD_H_
