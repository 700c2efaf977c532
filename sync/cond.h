// cond.h: waits for a condition that a lock protects.
//
// Go: sync.Cond, with FIFO order and no spurious wake-ups. Also has timed forms.
//
// Thread safety: all methods, from fibers and threads alike.
// Blocks: Wait() and the timed forms: the fiber, or the thread when the caller is not a fiber. The
//   others: nothing.
// Ordering: Signal() and Broadcast() synchronize with the return of each wait that they end; the
//   lock does the rest.
// Lifetime: may be destroyed when every wait has returned, and every Signal() that found nobody.
// Misuse: waiting without the lock is what unlocking an unlocked lock is for it: fatal for Mutex.
// Cost: Signal() to nobody one load; a wait about the cost of one park; no allocation; 40 bytes.
//
// Signal() wakes the one who has waited longest. The lock need not be held for it. A woken waiter
// locks again before it returns, so another may have changed the condition: wait in a loop, or with
// the form that takes a predicate.
//
//   weft::Cond not_empty(mu);
//   { weft::MutexLock lock(mu); not_empty.Wait([&] { return !queue.empty(); }); … }
#ifndef WEFT_SYNC_COND_H_
#define WEFT_SYNC_COND_H_

#include <cstdint>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/park.h"
#include "weft/sched/timer.h"
#include "weft/sync/internal/deadline.h"
#include "weft/sync/internal/waiter.h"

namespace weft {

class Cond {
 public:
  // `lock` has lock() and unlock(): a Mutex, an RWMutex, the RLocker of one, a std::mutex. It must
  // outlive the Cond.
  template <typename Lockable>
  explicit Cond(Lockable& lock)
      : lockable_(&lock),
        lock_([](void* l) ABSL_NO_THREAD_SAFETY_ANALYSIS { static_cast<Lockable*>(l)->lock(); }),
        unlock_([](void* l)
                    ABSL_NO_THREAD_SAFETY_ANALYSIS { static_cast<Lockable*>(l)->unlock(); }) {}
  Cond(const Cond&) = delete;
  Cond& operator=(const Cond&) = delete;

  // Unlocks, waits for a Signal() or Broadcast() that comes after the call, and locks again.
  void Wait() { WaitUntilNanos(sync_internal::kNever); }

  // Waits until condition() holds, which is called with the lock held.
  template <typename Condition>
  void Wait(Condition condition) {
    while (!condition()) Wait();
  }

  // As Wait(). Returns false if time ran out before anybody signalled. A deadline is turned into a
  // timeout once, at the call: what is done to the wall clock later does not count.
  bool WaitFor(absl::Duration timeout) {
    return WaitUntilNanos(sync_internal::DeadlineAfter(timeout));
  }
  bool WaitUntil(absl::Time deadline) { return WaitFor(deadline - WallNow()); }

  // Waits until condition() holds or time runs out; returns what condition() says then.
  template <typename Condition>
  bool WaitFor(absl::Duration timeout, Condition condition);
  template <typename Condition>
  bool WaitUntil(absl::Time deadline, Condition condition) {
    return WaitFor(deadline - WallNow(), std::move(condition));
  }

  // Wakes the one who has waited longest, if anybody waits.
  void Signal();

  // Wakes all who wait now.
  void Broadcast();

 private:
  // They wait for reasons of their own.
  friend class Barrier;
  friend class Monitor;

  bool WaitUntilNanos(int64_t deadline_ns, WaitReason reason = WaitReason::kSyncCondWait);
  void SignalOne();
  void SignalAll();
  void Enqueue(sync_internal::Waiter* waiter);
  void Withdraw(sync_internal::Waiter* waiter);

  void* const lockable_;
  void (*const lock_)(void*);
  void (*const unlock_)(void*);
  // How many are in waiters_. Written under queue_lock_.
  sched_internal::Atom<uint32_t> count_{0};
  sched_internal::SpinLock queue_lock_;
  sync_internal::WaitList waiters_ ABSL_GUARDED_BY(queue_lock_);
};

template <typename Condition>
bool Cond::WaitFor(absl::Duration timeout, Condition condition) {
  if (condition()) return true;
  const int64_t deadline_ns = sync_internal::DeadlineAfter(timeout);
  do {
    if (!WaitUntilNanos(deadline_ns)) return condition();
  } while (!condition());
  return true;
}

}  // namespace weft

#endif  // WEFT_SYNC_COND_H_
