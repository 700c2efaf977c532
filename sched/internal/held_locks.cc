#include "weft/sched/internal/held_locks.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "weft/sched/internal/held_mutexes.h"
#include "weft/sched/internal/segments.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/internal/thread_local.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/internal/worker.h"

namespace weft::sched_internal {

constinit bool looks_for_mutexes = false;

namespace {

// The mutexes that have been reported: once is enough. Later ones are not once it is full.
class ReportedMutexes {
 public:
  // Whether it was not in there, and is now.
  bool Insert(uintptr_t mutex) {
    SpinLockHolder hold(lock_);
    if (count_ == kMax || Find(mutex)) return false;
    mutexes_[count_++] = mutex;
    return true;
  }

  bool Contains(uintptr_t mutex) {
    SpinLockHolder hold(lock_);
    return Find(mutex);
  }

 private:
  bool Find(uintptr_t mutex) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    return std::find(mutexes_, mutexes_ + count_, mutex) != mutexes_ + count_;
  }

  static constexpr int kMax = 256;

  SpinLock lock_;
  int count_ ABSL_GUARDED_BY(lock_) = 0;
  uintptr_t mutexes_[kMax] ABSL_GUARDED_BY(lock_) = {};
};

constinit ReportedMutexes reported_mutexes;

// Not inlined: the registers that calls preserve are in its frame.
__attribute__((noinline)) std::vector<HeldMutex> FindHeldMutexesOf(const Fiber& fiber) {
  __builtin_unwind_init();
  std::vector<AddressRange> stack;
  uintptr_t low;
#if defined(__x86_64__)
  asm volatile("movq %%rsp, %0" : "=r"(low));
#else
  asm volatile("mov %0, sp" : "=r"(low));
#endif
  StackBounds bounds;
  for (const StackSegment* s = fiber.stack.segment; s != nullptr; s = s->prev) {
    const auto high = reinterpret_cast<uintptr_t>(s);
    // How much of an earlier segment is in use nobody knows: what is not leads nowhere new.
    const bool in_use = FindBounds(fiber.stack, low, &bounds) && bounds.high == high;
    stack.push_back({in_use ? low : reinterpret_cast<uintptr_t>(s->low), high});
  }
  return FindHeldMutexes(stack);
}

}  // namespace

class HeldLocksReport {
 public:
  explicit HeldLocksReport(std::string_view why) : fiber_(*CurrentFiber()), why_(why) {}

  void AddAll(HeldLock* lock) {
    for (; lock != nullptr; lock = lock->next_) Add(lock);
  }
  void Add(const HeldMutex& mutex);
  void Write() const {
    if (!text_.empty()) WriteError(text_);
  }

 private:
  void Begin();
  void Add(HeldLock* lock);

  const Fiber& fiber_;
  const std::string_view why_;
  std::string text_;
};

void HeldLocksReport::Begin() {
  if (!text_.empty()) return;
  text_ = absl::StrFormat(
      "weft: fiber %d parks (%s) and holds a lock of threads: others that want it block their "
      "threads\n\n",
      fiber_.id, std::string(why_));
  AppendFiber(&text_, fiber_);
}

void HeldLocksReport::Add(HeldLock* lock) {
  lock->listed_ = false;
  reported_mutexes.Insert(reinterpret_cast<uintptr_t>(lock->mutex_));
  if (std::exchange(lock->reported_, true)) return;
  Begin();
  text_ += "locked at:\n";
  AppendFrames(&text_, lock->pcs_, lock->frames_);
  text_ += '\n';
}

void HeldLocksReport::Add(const HeldMutex& mutex) {
  if (!reported_mutexes.Insert(mutex.address)) return;
  Begin();
  absl::StrAppendFormat(&text_, "std::mutex at 0x%x, ", mutex.address);
  void* pc = mutex.seen_at != 0 ? FindHolder(mutex.pointer, mutex.seen_at) : nullptr;
  if (pc != nullptr) {
    text_ += "which is in use in:\n";
    AppendFrames(&text_, &pc, 1);
  } else {
    text_ += "a variable of static storage duration\n";
  }
  text_ += '\n';
}

void HeldLock::Add(const void* mutex) {
  AddNoPreempt(kNoPreemptScope);
  mutex_ = mutex;
  frames_ = CaptureStack(pcs_, kMaxFrames);
  ThreadLocals* locals = CurrentThreadLocals();
  next_ = std::exchange(locals->held, this);
  listed_ = true;
}

void HeldLock::Remove() {
  if (std::exchange(listed_, false)) {
    HeldLock** link = &CurrentThreadLocals()->held;
    while (*link != this) link = &(*link)->next_;
    *link = next_;
  }
  AddNoPreempt(0 - kNoPreemptScope);
}

bool HoldsLocks() {
  if (CurrentThreadLocals()->held != nullptr) return true;
  if (!looks_for_mutexes) return false;
  AddNoPreempt(kNoPreemptScope);
  bool holds = false;
  for (const HeldMutex& mutex : FindHeldMutexesOf(*CurrentFiber())) {
    holds = holds || !reported_mutexes.Contains(mutex.address);
  }
  AddNoPreempt(0 - kNoPreemptScope);
  return holds;
}

void ReportHeldLocks(std::string_view why) {
  // The callers know their worker, so they must not change it.
  AddNoPreempt(kNoPreemptScope);
  HeldLocksReport report(why);
  report.AddAll(std::exchange(CurrentThreadLocals()->held, nullptr));
  if (looks_for_mutexes) {
    for (const HeldMutex& mutex : FindHeldMutexesOf(*CurrentFiber())) report.Add(mutex);
  }
  report.Write();
  AddNoPreempt(0 - kNoPreemptScope);
}

}  // namespace weft::sched_internal
