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

  // Just locked, and about to be unlocked.
  void Add();
  void Remove();

 private:
  friend void ReportHeldLocks(std::string_view why);

  static constexpr int kMaxFrames = 24;

  bool listed_ = false;
  bool reported_ = false;  // once is enough
  HeldLock* next_ = nullptr;
  int frames_ = 0;
  void* pcs_[kMaxFrames] = {};
};

// By a fiber that is about to park: writes a report of the locks that its thread holds, and forgets
// them, since the fiber may go on elsewhere.
void ReportHeldLocks(std::string_view why);

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_HELD_LOCKS_H_
