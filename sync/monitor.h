// monitor.h: a reentrant mutex with one condition, as every object of Java has.
//
// Go: none; a Mutex with a Cond. Java: synchronized, Object.wait, notify, notifyAll, without
//   spurious wake-ups.
//
// Thread safety: all methods, from fibers and threads alike.
// Blocks: Enter(), Wait() and WaitFor(): the fiber, or the thread when the caller is not a fiber.
//   The others: nothing.
// Ordering: as its ReentrantMutex; a wait gives the monitor up and takes it again.
// Lifetime: may be destroyed once everybody has left it for good.
// Misuse: Exit() by anybody but the holder is fatal. Wait() and Notify() by anybody but the holder
//   panic, as Java throws IllegalMonitorStateException. That is checked when it runs: clang's
//   analysis cannot see into Synchronized().
// Cost: Enter() and Exit() as ReentrantMutex; Notify() to nobody one load; no allocation; 64 bytes.
//
// A wait gives up all the levels that the caller has entered, and has them again when it returns.
// Notify() wakes the one who has waited longest. Another may change the condition before that one
// is in again: wait in a loop, or with a predicate.
//
//   weft::Monitor queue_monitor;
//   weft::Synchronized(queue_monitor, [&] { queue.push_back(job); queue_monitor.Notify(); });
//   Job job = weft::Synchronized(queue_monitor, [&] {
//     queue_monitor.Wait([&] { return !queue.empty(); });
//     return TakeFirst(queue);
//   });
#ifndef WEFT_SYNC_MONITOR_H_
#define WEFT_SYNC_MONITOR_H_

#include <cstdint>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "weft/sync/cond.h"
#include "weft/sync/internal/deadline.h"
#include "weft/sync/internal/waiter.h"
#include "weft/sync/reentrant_mutex.h"

namespace weft {

class ABSL_LOCKABLE Monitor {
 public:
  Monitor() = default;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  void Enter() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  bool TryEnter() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return mutex_.try_lock(); }
  bool TryEnterFor(absl::Duration timeout) ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return mutex_.TryLockFor(timeout);
  }
  void Exit() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

  // For std::lock_guard.
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { Enter(); }
  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return TryEnter(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { Exit(); }

  // Leaves the monitor, waits for a Notify() or NotifyAll() that comes after the call, and enters
  // again.
  void Wait() { WaitUntilNanos(sync_internal::kNever); }

  // As Wait(). Returns false if time ran out before anybody notified.
  bool WaitFor(absl::Duration timeout) {
    return WaitUntilNanos(sync_internal::DeadlineAfter(timeout));
  }

  // Waits until condition() holds, which is called in the monitor.
  template <typename Condition>
  void Wait(Condition condition) {
    while (!condition()) Wait();
  }

  // Waits until condition() holds or time runs out; returns what condition() says then.
  template <typename Condition>
  bool WaitFor(absl::Duration timeout, Condition condition);

  // Wakes the one who has waited longest, if anybody waits.
  void Notify();

  // Wakes all who wait now.
  void NotifyAll();

  // How many Exit()s the caller owes; 0 if it is not in the monitor.
  int HoldCount() const { return mutex_.HoldCount(); }

 private:
  bool WaitUntilNanos(int64_t deadline_ns);
  void RequireHolder(const char* complaint) const;

  ReentrantMutex mutex_;
  Cond notified_{mutex_.mutex_};
};

template <typename Condition>
bool Monitor::WaitFor(absl::Duration timeout, Condition condition) {
  const int64_t deadline_ns = sync_internal::DeadlineAfter(timeout);
  while (!condition()) {
    if (!WaitUntilNanos(deadline_ns)) return condition();
  }
  return true;
}

// Calls fn() in the monitor and returns what it returns.
template <typename Fn>
decltype(auto) Synchronized(Monitor& monitor, Fn&& fn) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  struct Exit {
    ~Exit() ABSL_NO_THREAD_SAFETY_ANALYSIS { monitor.Exit(); }
    Monitor& monitor;
  };
  monitor.Enter();
  Exit exit{monitor};
  return std::forward<Fn>(fn)();
}

}  // namespace weft

#endif  // WEFT_SYNC_MONITOR_H_
