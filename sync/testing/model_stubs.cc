// What the model tests of sync put in place of the clock, the timers and the scheduler's advice on spinning.
#include "absl/time/time.h"
#include "weft/sched/timer.h"
#include "weft/sync/internal/spin.h"

namespace weft {

// Stands still: whoever is beaten starves by patience, not by time.
int64_t MonotonicNanos() { return 0; }
absl::Time WallNow() { return absl::UnixEpoch(); }

void SchedTimer::Arm(int64_t) {}
bool SchedTimer::Cancel() { return true; }
bool SchedTimer::CancelAndWait() { return true; }

// Spinning is hunting for the same compare-exchange as the slow path; without it there is less to explore.
bool sync_internal::MaySpin() { return false; }

}  // namespace weft
