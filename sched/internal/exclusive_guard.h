// exclusive_guard.h: holds a lock for a scope, seen by clang's thread-safety analysis
// (std::lock_guard is not).
//
// Thread safety: as the lock. Blocks: as the lock.
// Lifetime: the lock must outlive it.
#ifndef WEFT_SCHED_INTERNAL_EXCLUSIVE_GUARD_H_
#define WEFT_SCHED_INTERNAL_EXCLUSIVE_GUARD_H_

#include "absl/base/thread_annotations.h"

namespace weft::sched_internal {

template <typename Lock>
class ABSL_SCOPED_LOCKABLE ExclusiveGuard {
 public:
  explicit ExclusiveGuard(Lock& lock) ABSL_EXCLUSIVE_LOCK_FUNCTION(lock) : lock_(lock) {
    lock_.lock();
  }
  ~ExclusiveGuard() ABSL_UNLOCK_FUNCTION() { lock_.unlock(); }
  ExclusiveGuard(const ExclusiveGuard&) = delete;
  ExclusiveGuard& operator=(const ExclusiveGuard&) = delete;

 private:
  Lock& lock_;
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_EXCLUSIVE_GUARD_H_
