// deadline.h: from absl's durations to the nanoseconds of the timers' clock.
#ifndef WEFT_SYNC_INTERNAL_DEADLINE_H_
#define WEFT_SYNC_INTERNAL_DEADLINE_H_

#include <cstdint>

#include "absl/time/time.h"

namespace weft::sync_internal {

// MonotonicNanos() after `timeout` from now; kNever if that is too far to say.
int64_t DeadlineAfter(absl::Duration timeout);

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_DEADLINE_H_
