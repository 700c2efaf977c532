#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "weft/sched/testing/model_timer.h"

#include <cstdint>
#include <utility>

#include "weft/sched/testing/model_atomic.h"
#include "weft/sched/timer.h"

namespace weft {

namespace sched_internal {

// The friend of SchedTimer: a list of what is armed. One for all executions: what an earlier one
// left armed is forgotten.
class TimerQueue {
 public:
  void Arm(SchedTimer* timer, int64_t when_ns) {
    Lock();
    timer->when_ns_ = when_ns;
    timer->slot_ = 0;
    timer->order_ = ++armed_;
    timer->prev_ = nullptr;
    timer->next_ = first_;
    if (first_ != nullptr) first_->prev_ = timer;
    first_ = timer;
    Unlock();
  }

  bool Postpone(SchedTimer* timer, int64_t when_ns) {
    Lock();
    const bool possible = timer->slot_ >= 0 && when_ns >= timer->when_ns_;
    if (possible) {
      timer->when_ns_ = when_ns;
      timer->order_ = ++armed_;
    }
    Unlock();
    return possible;
  }

  bool Cancel(SchedTimer* timer) {
    Lock();
    const bool was_armed = timer->slot_ >= 0;
    if (was_armed) Remove(timer);
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
    SchedTimer* const timer = Earliest();
    if (timer == nullptr || timer->when_ns_ > now_ns) {
      Unlock();
      return false;
    }
    Remove(timer);
    // Relaxed: under the lock.
    running_.store(timer, std::memory_order_relaxed);
    Unlock();
    timer->callback_(timer, now_ns);
    // ORDER(model_timer.running): release; pairs with the acquire in Wait().
    running_.store(nullptr, std::memory_order_release);
    return true;
  }

 private:
  SchedTimer* Earliest() const {
    SchedTimer* earliest = first_;
    for (SchedTimer* timer = first_; timer != nullptr; timer = timer->next_) {
      if (std::pair(timer->when_ns_, timer->order_) <
          std::pair(earliest->when_ns_, earliest->order_))
        earliest = timer;
    }
    return earliest;
  }

  void Remove(SchedTimer* timer) {
    (timer->prev_ != nullptr ? timer->prev_->next_ : first_) = timer->next_;
    if (timer->next_ != nullptr) timer->next_->prev_ = timer->prev_;
    timer->slot_ = -1;
  }

  void Lock() {
    lock_.WaitAndLock();
    if (epoch_ != model::internal::current_epoch) first_ = nullptr;
    epoch_ = model::internal::current_epoch;
  }
  // ORDER(model_timer.lock): release; pairs with the acquire of WaitAndLock().
  void Unlock() { lock_.store(0, std::memory_order_release); }

  model::Atomic<uint32_t> lock_{0};
  model::Atomic<SchedTimer*> running_{nullptr};
  // Guarded by lock_.
  SchedTimer* first_ = nullptr;
  uint32_t armed_ = 0;  // so far
  uint32_t epoch_ = 0;
};

namespace {

// Made before all executions, as the explorer wants of what outlives one.
TimerQueue queue;
model::Atomic<int64_t> clock_ns{0};

}  // namespace

namespace model {

void FireTimers(int64_t now_ns) {
  // ORDER(model_timer.clock): seq_cst, both; pairs with the load in MonotonicNanos().
  int64_t before = clock_ns.load(std::memory_order_seq_cst);
  while (before < now_ns &&
         !clock_ns.compare_exchange_strong(before, now_ns, std::memory_order_seq_cst)) {
  }
  while (queue.FireOne(now_ns)) {
  }
}

}  // namespace model

}  // namespace sched_internal

using sched_internal::queue;

int64_t MonotonicNanos() {
  // ORDER(model_timer.clock): seq_cst; pairs with the store in FireTimers(). The clock is one.
  return sched_internal::clock_ns.load(std::memory_order_seq_cst);
}
absl::Time WallNow() { return absl::Now(); }

void SchedTimer::Arm(int64_t when_ns) { queue.Arm(this, when_ns); }
void SchedTimer::ArmOutside(int64_t when_ns) { queue.Arm(this, when_ns); }

bool SchedTimer::Postpone(int64_t when_ns) { return queue.Postpone(this, when_ns); }

bool SchedTimer::Cancel() { return queue.Cancel(this); }

bool SchedTimer::CancelAndWait() {
  const bool prevented = Cancel();
  if (!prevented) queue.Wait(this);
  return prevented;
}

}  // namespace weft
