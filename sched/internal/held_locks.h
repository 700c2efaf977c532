// The locks of threads that the calling thread holds, as far as they tell (thread_lock.h).
//
// Thread safety: a HeldLock is used by the holder of its lock only.
#ifndef WEFT_SCHED_INTERNAL_HELD_LOCKS_H_
#define WEFT_SCHED_INTERNAL_HELD_LOCKS_H_

#include <string_view>

namespace weft::sched_internal {

// The record of one lock. While it is in the list of a thread, the fiber there keeps that thread
// unless it parks.
class HeldLock {
 public:
  HeldLock() = default;
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;

  // `mutex` was just locked; it is about to be unlocked.
  void Add(const void* mutex);
  void Remove();

 private:
  friend class HeldLocksReport;

  static constexpr int kMaxFrames = 24;

  bool listed_ = false;
  bool reported_ = false;  // once is enough
  HeldLock* next_ = nullptr;
  const void* mutex_ = nullptr;
  int frames_ = 0;
  void* pcs_[kMaxFrames] = {};
};

// Whether WEFT_DEBUG asks for mutexes that tell nobody (heldlocks=1). Set before the first worker
// starts.
extern bool looks_for_mutexes;

// Whether the calling fiber holds locks that have not been reported; if so it is not made to leave
// its thread.
bool HoldsLocks();

// By a fiber that is about to park, if its thread's list is not empty or it looks for mutexes:
// writes a report of the locks that it holds, and forgets those of the list, since the fiber may go
// on elsewhere. Each lock once.
void ReportHeldLocks(std::string_view why);

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_HELD_LOCKS_H_
