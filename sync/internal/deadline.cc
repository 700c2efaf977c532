#include "weft/sync/internal/deadline.h"

#include <algorithm>

#include "weft/sched/timer.h"
#include "weft/sync/internal/waiter.h"

namespace weft::sync_internal {

int64_t DeadlineAfter(absl::Duration timeout) {
  const int64_t now = MonotonicNanos();
  // Rounds up: never early.
  const int64_t nanos =
      std::max<int64_t>(0, absl::ToInt64Nanoseconds(absl::Ceil(timeout, absl::Nanoseconds(1))));
  return nanos > kNever - now ? kNever : now + nanos;
}

}  // namespace weft::sync_internal
