#include "weft/patterns/internal/clock.h"

#include "absl/time/clock.h"
#include "weft/sched/timer.h"

namespace weft::patterns_internal {

int64_t NowNanos() {
  static const int64_t shift = absl::GetCurrentTimeNanos() - MonotonicNanos();
  return MonotonicNanos() + shift;
}

}  // namespace weft::patterns_internal
