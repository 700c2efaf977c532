#include "weft/sched/testing/model_timer.h"

#include <algorithm>
#include <vector>

#include "weft/sched/testing/model_atomic.h"
#include "weft/sched/timer.h"

namespace weft {

namespace sched_internal {

// The friend of SchedTimer. One for all executions: what an earlier one left armed is forgotten.
class TimerQueue {
 public:
  void Arm(SchedTimer* timer, int64_t when_ns) {
    Lock();
    timer->when_ns_ = when_ns;
    armed_.push_back(timer);
    Unlock();
  }

  bool Cancel(SchedTimer* timer) {
    Lock();
    const bool was_armed = std::erase(armed_, timer) != 0;
    Unlock();
    return was_armed;
  }

  // Returns when the callback of the timer is not running.
  void Wait(SchedTimer* timer) {
    // ORDER(model_timer.running): acquire; pairs with the release in FireOne().
    while (running_.load(std::memory_order_acquire) == timer) model::SpinHint();
  }

  bool FireOne(int64_t now_ns) {
    Lock();
    auto earlier = [](SchedTimer* a, SchedTimer* b) { return a->when_ns_ < b->when_ns_; };
    const auto first = std::min_element(armed_.begin(), armed_.end(), earlier);
    if (first == armed_.end() || (*first)->when_ns_ > now_ns) {
      Unlock();
      return false;
    }
    SchedTimer* const timer = *first;
    armed_.erase(first);
    // Relaxed: under the lock.
    running_.store(timer, std::memory_order_relaxed);
    Unlock();
    timer->callback_(timer, now_ns);
    // ORDER(model_timer.running): release; pairs with the acquire in Wait().
    running_.store(nullptr, std::memory_order_release);
    return true;
  }

 private:
  void Lock() {
    lock_.WaitAndLock();
    if (epoch_ != model::internal::current_epoch) armed_.clear();
    epoch_ = model::internal::current_epoch;
  }
  void Unlock() { lock_.store(0, std::memory_order_release); }

  model::Atomic<uint32_t> lock_{0};
  model::Atomic<SchedTimer*> running_{nullptr};
  // Guarded by lock_.
  std::vector<SchedTimer*> armed_;
  uint32_t epoch_ = 0;
};

namespace {

// Made before all executions, as the explorer wants of what outlives one.
TimerQueue queue;

}  // namespace

namespace model {

void FireTimers(int64_t now_ns) {
  while (queue.FireOne(now_ns)) {
  }
}

}  // namespace model

}  // namespace sched_internal

using sched_internal::queue;

int64_t MonotonicNanos() { return 0; }

void SchedTimer::Arm(int64_t when_ns) { queue.Arm(this, when_ns); }

bool SchedTimer::Cancel() { return queue.Cancel(this); }

bool SchedTimer::CancelAndWait() {
  const bool prevented = Cancel();
  if (!prevented) queue.Wait(this);
  return prevented;
}

}  // namespace weft
