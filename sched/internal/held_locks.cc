#include "weft/sched/internal/held_locks.h"

#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "weft/sched/internal/thread_local.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/internal/worker.h"

namespace weft::sched_internal {

void HeldLock::Add() {
  AddNoPreempt(kNoPreemptScope);
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

void ReportHeldLocks(std::string_view why) {
  const Fiber* fiber = CurrentFiber();
  HeldLock* lock = std::exchange(CurrentThreadLocals()->held, nullptr);
  std::string text;
  for (; lock != nullptr; lock = lock->next_) {
    lock->listed_ = false;
    if (std::exchange(lock->reported_, true)) continue;
    if (text.empty()) {
      text = absl::StrFormat(
          "weft: fiber %d parks (%s) and holds a lock of threads: others that want it block their "
          "threads\n\n",
          fiber->id, std::string(why));
      AppendFiber(&text, *fiber);
    }
    text += "locked at:\n";
    AppendFrames(&text, lock->pcs_, lock->frames_);
    text += '\n';
  }
  if (!text.empty()) WriteError(text);
}

}  // namespace weft::sched_internal
