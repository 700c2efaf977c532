// event.h: a flag that others wait for.
//
// Go: none; a channel that is closed serves as a manual-reset event. C#: ManualResetEvent and
//   AutoResetEvent.
//
// Thread safety: all methods may be called at any time from fibers, threads and timer callbacks
//   (Wait() and WaitFor() not from the latter).
// Blocks: Wait() and WaitFor(): the fiber, or the thread when the caller is not a fiber. The
//   others: nothing.
// Ordering: each Set() synchronizes with the return of every wait that it lets through.
// Lifetime: may be destroyed as soon as every wait has returned, even though the Set() that ended
//   the last of them has not returned yet.
// Misuse: none can be seen.
// Cost: Set() and a wait that need not block a spin lock, 3 ns alone; no allocation; 16 bytes.
//
// A manual-reset event lets everybody through from Set() to Reset(). An auto-reset event lets one
// through for each Set(): the one who has waited longest, or, if nobody waits, the next to come;
// such Set()s do not add up.
//
//   weft::Event ready(weft::EventReset::kManual);
//   weft::Go([&] { Prepare(); ready.Set(); });
//   ready.Wait();
#ifndef WEFT_SYNC_EVENT_H_
#define WEFT_SYNC_EVENT_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/park.h"
#include "weft/sync/internal/waiter.h"

namespace weft {

enum class EventReset : uint8_t {
  kManual,  // stays set until Reset()
  kAuto,    // is reset by the one whom it lets through
};

class Event {
 public:
  // `reason` is what dumps say that waiters wait for.
  explicit Event(EventReset reset, bool set = false, WaitReason reason = WaitReason::kSyncEventWait)
      : reset_(reset), reason_(reason), set_(set) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Returns when the event is set.
  void Wait() { WaitUntilNanos(sync_internal::kNever); }

  // As Wait(). Returns false if time ran out before.
  bool WaitFor(absl::Duration timeout);

  // Returns whether the event is set. If so, this is a wait that has succeeded.
  bool TryWait();

  void Set();
  void Reset();

  // Whether somebody who came now would be let through.
  bool IsSet() const;

 private:
  bool WaitUntilNanos(int64_t deadline_ns);
  bool Pass() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  mutable sched_internal::SpinLock lock_;
  const EventReset reset_;
  const WaitReason reason_;
  // Invariant: nobody waits while it is true.
  bool set_ ABSL_GUARDED_BY(lock_);
  sync_internal::WaitList waiters_ ABSL_GUARDED_BY(lock_);
};

}  // namespace weft

#endif  // WEFT_SYNC_EVENT_H_
