#include "weft/sched/runtime.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/stop_signal.h"
#include "weft/sched/park.h"
#include "weft/sched/timer.h"

namespace weft {

absl::Status Shutdown(absl::Duration deadline) {
  if (InFiber()) {
    return absl::FailedPreconditionError(
        "Shutdown() waits for all fibers, so it cannot be called from one");
  }
  sched_internal::Scheduler& scheduler = sched_internal::Scheduler::Instance();
  if (!scheduler.started()) return absl::OkStatus();
  const int64_t never = std::numeric_limits<int64_t>::max();
  const int64_t now = MonotonicNanos();
  const int64_t ns = absl::ToInt64Nanoseconds(deadline);
  if (!scheduler.WaitUntilNoFibers(ns >= never - now ? never : now + ns)) {
    return absl::DeadlineExceededError(
        absl::StrCat(scheduler.LiveFibers(), " fibers have not ended"));
  }
  scheduler.Stop();
  return absl::OkStatus();
}

int SetMaxThreads(int n) { return sched_internal::Scheduler::Instance().SetMaxThreads(n); }

bool SetStrictMaxProcs(bool on) {
  if (on) sched_internal::InstallStopHandler();
  return sched_internal::Scheduler::Instance().SetStrict(on);
}

}  // namespace weft
