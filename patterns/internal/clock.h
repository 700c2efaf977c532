// clock.h: the time for what measures durations but speaks of absl::Time.
#ifndef WEFT_PATTERNS_INTERNAL_CLOCK_H_
#define WEFT_PATTERNS_INTERNAL_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"

namespace weft::patterns_internal {

// Nanoseconds of the monotonic clock, shifted so that they were those of the Unix epoch when the
// process first asked. Steps of the wall clock do not reach it. Virtual under simulation, as
// MonotonicNanos() is.
int64_t NowNanos();

inline absl::Time Now() { return absl::FromUnixNanos(NowNanos()); }

}  // namespace weft::patterns_internal

#endif  // WEFT_PATTERNS_INTERNAL_CLOCK_H_
