#include "weft/sync/reentrant_mutex.h"

#include "weft/sched/panic.h"
#include "weft/sched/timer.h"

namespace weft {

void ReentrantMutex::lock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Parkable* const caller = CurrentParkable();
  if (Reenter(caller)) return;
  mutex_.lock();
  Own(caller, 1);
}

bool ReentrantMutex::TryLockFor(absl::Duration timeout) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Parkable* const caller = CurrentParkable();
  if (Reenter(caller)) return true;
  if (!mutex_.TryLockFor(timeout)) return false;
  Own(caller, 1);
  return true;
}

bool ReentrantMutex::TryLockUntil(absl::Time deadline) {
  return TryLockFor(deadline - WallNow());
}

bool ReentrantMutex::try_lock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Parkable* const caller = CurrentParkable();
  if (Reenter(caller)) return true;
  if (!mutex_.try_lock()) return false;
  Own(caller, 1);
  return true;
}

void ReentrantMutex::unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (!HeldBy(CurrentParkable()))
    Fatal("sync: unlock of a ReentrantMutex that the caller does not hold");
  if (--holds_ > 0) return;
  Disown();
  mutex_.unlock();
}

int ReentrantMutex::HoldCount() const { return HeldBy(CurrentParkable()) ? holds_ : 0; }

bool ReentrantMutex::HeldBy(Parkable* caller) const {
  // Relaxed: the caller's name is written here, and wiped off, by the caller alone, so that it
  // reads its own last store or somebody else's name. A later owner of the same record starts after
  // the former one's end.
  return owner_.load(std::memory_order_relaxed) == caller;
}

bool ReentrantMutex::Reenter(Parkable* caller) {
  if (!HeldBy(caller)) return false;
  ++holds_;
  return true;
}

void ReentrantMutex::Own(Parkable* caller, int holds) {
  owner_.store(caller, std::memory_order_relaxed);  // as in HeldBy()
  holds_ = holds;
}

int ReentrantMutex::Disown() {
  owner_.store(nullptr, std::memory_order_relaxed);  // as in HeldBy()
  return holds_;
}

}  // namespace weft
