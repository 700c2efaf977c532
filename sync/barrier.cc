#include "weft/sync/barrier.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "weft/sched/panic.h"
#include "weft/sync/internal/deadline.h"

namespace weft {

using sync_internal::kNever;

// Each waiter is told the outcome of its own round: when it runs again, the barrier may be rounds
// further.
struct Barrier::Arrival {
  Arrival* next;
  Outcome outcome = Outcome::kWaiting;
};

Barrier::Barrier(int parties, std::function<void()> action)
    : parties_(parties), action_(std::move(action)) {
  if (parties < 1) Panic("sync: a Barrier needs a party");
}

absl::StatusOr<int> Barrier::ArriveAndWaitFor(absl::Duration timeout) {
  return Arrive(sync_internal::DeadlineAfter(timeout));
}

absl::StatusOr<int> Barrier::Arrive(int64_t deadline_ns) {
  MutexLock lock(mutex_);
  // Java's action runs under the lock, so that latecomers wait there without a deadline, too.
  while (actor_ != nullptr) AwaitChange(kNever);
  if (broken_) return absl::AbortedError("barrier is broken");
  const int missing = parties_ - ++arrived_;
  if (missing == 0) {
    RunAction();
    return 0;
  }
  Arrival self{arrivals_};
  arrivals_ = &self;
  while (self.outcome == Outcome::kWaiting) {
    if (AwaitChange(deadline_ns) || self.outcome != Outcome::kWaiting) continue;
    if (actor_ == nullptr) {
      broken_ = true;
      EndRound(Outcome::kBroken);
      return absl::DeadlineExceededError("timed out at a barrier");
    }
    // All have come in time; only the action is not over.
    deadline_ns = kNever;
  }
  if (self.outcome == Outcome::kBroken) return absl::AbortedError("barrier was broken");
  return missing;
}

// Without the lock while the action runs, so that the action may look at the barrier and reset it.
void Barrier::RunAction() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  struct Relock {
    ~Relock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      barrier->mutex_.lock();
      barrier->actor_ = nullptr;
      barrier->broken_ |= outcome == Outcome::kBroken;
      barrier->EndRound(outcome);
    }
    Barrier* barrier;
    Outcome outcome = Outcome::kBroken;
  };
  if (action_ == nullptr) return EndRound(Outcome::kTripped);
  actor_ = CurrentParkable();
  mutex_.unlock();
  Relock relock{this};
  action_();
  relock.outcome = Outcome::kTripped;
}

bool Barrier::AwaitChange(int64_t deadline_ns) {
  return changed_.WaitUntilNanos(deadline_ns, WaitReason::kSyncBarrierArrive);
}

void Barrier::EndRound(Outcome outcome) {
  for (Arrival* arrival = arrivals_; arrival != nullptr; arrival = arrival->next)
    arrival->outcome = outcome;
  arrivals_ = nullptr;
  arrived_ = 0;
  changed_.Broadcast();
}

void Barrier::Reset() {
  MutexLock lock(mutex_);
  while (actor_ != nullptr && actor_ != CurrentParkable()) AwaitChange(kNever);
  broken_ = false;
  EndRound(Outcome::kBroken);
}

bool Barrier::IsBroken() const {
  MutexLock lock(mutex_);
  return broken_;
}

int Barrier::NumberWaiting() const {
  MutexLock lock(mutex_);
  return arrived_;
}

}  // namespace weft
