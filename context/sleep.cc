#include "weft/context/sleep.h"

#include "weft/sched/park.h"
#include "weft/sync/internal/deadline.h"
#include "weft/sync/internal/wait_canceller.h"
#include "weft/sync/internal/waiter.h"

namespace weft {

absl::Status Sleep(const Context& ctx, absl::Duration d) {
  if (d <= absl::ZeroDuration()) return ctx.Err();
  const int64_t deadline_ns = sync_internal::DeadlineAfter(d);
  if (deadline_ns == sync_internal::kNever) {
    ctx.Done().Recv();
    return ctx.Err();
  }
  sync_internal::Waiter sleeper;
  sleeper.contested = true;  // by the timer and the context
  sync_internal::WaitCanceller canceller(&sleeper);
  if (!ctx.Watch(&canceller)) return ctx.Err();
  sleeper.AwaitUntil(deadline_ns, WaitReason::kSleep);
  ctx.Unwatch(&canceller);
  return ctx.Err();
}

}  // namespace weft
