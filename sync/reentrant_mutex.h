// reentrant_mutex.h: a mutex that its holder can lock again.
//
// Go: none, on purpose. Java: ReentrantLock. C++: std::recursive_mutex. The holder is a fiber,
//   wherever it runs, or a
// plain thread.
//
// Thread safety: all methods, from fibers and threads alike.
// Blocks: lock() and the timed forms: the fiber, or the thread when the caller is not a fiber. The
//   others: nothing.
// Ordering: the unlock() that gives the mutex up synchronizes with every later lock() by another.
// Lifetime: as Mutex: may be destroyed once it is unlocked for good, by whoever locked it last.
// Misuse: unlock() by anybody but the holder is fatal. A fiber or thread that ends while it holds
//   the mutex leaves it locked, or held by whoever gets its record next.
// Cost: as Mutex, and asking who the caller is; no allocation; 24 bytes.
//
// clang's thread-safety analysis knows no reentrance: it objects to locking twice within one
// function.
//
//   weft::ReentrantMutex mu;
//   std::lock_guard<weft::ReentrantMutex> lock(mu);
#ifndef WEFT_SYNC_REENTRANT_MUTEX_H_
#define WEFT_SYNC_REENTRANT_MUTEX_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/park.h"
#include "weft/sync/mutex.h"

namespace weft {

class Monitor;

class ABSL_LOCKABLE ReentrantMutex {
 public:
  constexpr ReentrantMutex() = default;
  ReentrantMutex(const ReentrantMutex&) = delete;
  ReentrantMutex& operator=(const ReentrantMutex&) = delete;

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION();

  // Give up when they have not got the mutex in time. The holder always gets it.
  bool TryLockFor(absl::Duration timeout) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);
  bool TryLockUntil(absl::Time deadline) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);

  // Undoes one lock(); the last one lets others in.
  void unlock() ABSL_UNLOCK_FUNCTION();

  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true);

  // How many unlock()s the caller owes; 0 if it does not hold the mutex.
  int HoldCount() const;

 private:
  friend class Monitor;

  bool HeldBy(Parkable* caller) const;
  bool Reenter(Parkable* caller);
  void Own(Parkable* caller, int holds);
  int Disown();

  Mutex mutex_;
  // Who holds mutex_, or null. Written by the holder.
  sched_internal::Atom<Parkable*> owner_{nullptr};
  // How often. Touched by the holder only.
  int holds_ = 0;
};

}  // namespace weft

#endif  // WEFT_SYNC_REENTRANT_MUTEX_H_
