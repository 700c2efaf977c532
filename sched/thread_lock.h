// thread_lock.h: a std::mutex or absl::Mutex that tells when a fiber parks while it holds it.
//
// A fiber that parks with a lock of threads held keeps it for as long as it waits; others that want
// it block their threads, perhaps all there are, and it may be unlocked on another thread than it
// was locked on, which std::mutex forbids. weft::Mutex is the lock for that. Where a lock of
// threads must be, for a library's sake, this one finds the mistake: in builds with assertions a
// report goes to stderr, once for each lock, with the stacks of the park and of the locking; the
// program goes on. A plain std::mutex tells nobody; WEFT_DEBUG=heldlocks=1 searches for those that
// are locked at each park, which is slow and shows the stack of the park only (DESIGN.md).
//
// Go: none; there, sync.Mutex is the only lock.
//
// Thread safety: as M.
// Blocks: as M: the thread.
// Ordering: as M.
// Lifetime: as M.
// Misuse: what is reported. Plain threads may park with it: they keep their thread.
// Cost: 232 bytes more than M. Without assertions nothing else; with them, some microseconds for
//   the stack, and the fiber is not preempted while it holds the lock.
//
//   weft::ThreadLock<std::mutex> mu;
//   std::lock_guard<weft::ThreadLock<std::mutex>> hold(mu);
#ifndef WEFT_SCHED_THREAD_LOCK_H_
#define WEFT_SCHED_THREAD_LOCK_H_

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/held_locks.h"

namespace weft {

template <typename M>
class ABSL_LOCKABLE ThreadLock {
 public:
  ThreadLock() = default;
  ThreadLock(const ThreadLock&) = delete;
  ThreadLock& operator=(const ThreadLock&) = delete;

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if constexpr (kStandard) {
      mutex_.lock();
    } else {
      mutex_.Lock();
    }
    if (kChecked) held_.Add(&mutex_);
  }

  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    bool locked;
    if constexpr (kStandard) {
      locked = mutex_.try_lock();
    } else {
      locked = mutex_.TryLock();
    }
    if (kChecked && locked) held_.Add(&mutex_);
    return locked;
  }

  void unlock() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (kChecked) held_.Remove();
    if constexpr (kStandard) {
      mutex_.unlock();
    } else {
      mutex_.Unlock();
    }
  }

 private:
  static constexpr bool kStandard = requires(M & mutex) { mutex.lock(); };
#if defined(NDEBUG)
  static constexpr bool kChecked = false;
#else
  static constexpr bool kChecked = true;
#endif

  M mutex_;
  sched_internal::HeldLock held_;  // of whoever has locked mutex_
};

}  // namespace weft

#endif  // WEFT_SCHED_THREAD_LOCK_H_
