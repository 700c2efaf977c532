// What the model tests of sync put in place of the clock, the timers and the scheduler's advice on
// spinning.
#include "absl/time/time.h"
#include "weft/sched/timer.h"
#include "weft/sync/internal/spin.h"
#include "weft/sync/testing/model_timer.h"

namespace weft {

using sync_testing::ModelTimer;

// In place of the timers' queue, which alone may look into a timer.
class sched_internal::TimerQueue {
 public:
  static void Run(SchedTimer* timer) { timer->callback_(timer, 0); }
};

// Stands still: whoever is beaten starves by patience, not by time.
int64_t MonotonicNanos() { return 0; }
absl::Time WallNow() { return absl::UnixEpoch(); }

void SchedTimer::Arm(int64_t) {
  if (ModelTimer* const clock = ModelTimer::Current()) clock->Arm(this);
}
bool SchedTimer::Cancel() { return CancelAndWait(); }
bool SchedTimer::CancelAndWait() {
  ModelTimer* const clock = ModelTimer::Current();
  return clock == nullptr || clock->Cancel(this);
}

void ModelTimer::Arm(SchedTimer* timer) {
  sched_internal::SpinLockHolder holder(lock_);
  armed_ = timer;
}

bool ModelTimer::Cancel(SchedTimer* timer) {
  sched_internal::SpinLockHolder holder(lock_);
  if (armed_ != timer) return false;
  armed_ = nullptr;
  return true;
}

void ModelTimer::Fire() {
  sched_internal::SpinLockHolder holder(lock_);
  if (armed_ != nullptr) sched_internal::TimerQueue::Run(armed_);
  armed_ = nullptr;
}

// Spinning is hunting for the same compare-exchange as the slow path; without it there is less to
// explore.
bool sync_internal::MaySpin() { return false; }

}  // namespace weft
