// model_timer.h: a clock whose one alarm goes off when a thread of a model test says so.
#ifndef WEFT_SYNC_TESTING_MODEL_TIMER_H_
#define WEFT_SYNC_TESTING_MODEL_TIMER_H_

#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/timer.h"

namespace weft::sync_testing {

// Holds the last timer that was armed, and runs it when asked.
class ModelTimer {
 public:
  // Timers are armed at the one that was made last; without any they never go off.
  ModelTimer() { current_ = this; }
  ~ModelTimer() { current_ = nullptr; }
  ModelTimer(const ModelTimer&) = delete;
  ModelTimer& operator=(const ModelTimer&) = delete;

  static ModelTimer* Current() { return current_; }

  void Arm(SchedTimer* timer);
  // As SchedTimer::CancelAndWait(): the callback runs with the lock held.
  bool Cancel(SchedTimer* timer);
  // Runs the callback of the armed timer, if there is one.
  void Fire();

 private:
  inline static ModelTimer* current_ = nullptr;

  sched_internal::SpinLock lock_;
  SchedTimer* armed_ = nullptr;
};

}  // namespace weft::sync_testing

#endif  // WEFT_SYNC_TESTING_MODEL_TIMER_H_
