#include "weft/sync/barrier.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "weft/sched/panic.h"

namespace weft {

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

absl::StatusOr<int> Barrier::Arrive(absl::Duration timeout) {
  MutexLock lock(mutex_);
  // Java's action runs under the lock, so that latecomers wait there without a deadline, too.
  while (actor_ != nullptr) changed_.Wait();
  if (broken_) return absl::AbortedError("barrier is broken");
  const int missing = parties_ - ++arrived_;
  if (missing == 0) {
    RunAction();
    return 0;
  }
  Arrival self{arrivals_};
  arrivals_ = &self;
  const auto ended = [&self] { return self.outcome != Outcome::kWaiting; };
  if (!changed_.WaitFor(timeout, ended)) {
    if (actor_ == nullptr) {
      broken_ = true;
      EndRound(Outcome::kBroken);
      return absl::DeadlineExceededError("timed out at a barrier");
    }
    // All have come in time; only the action is not over.
    changed_.Wait(ended);
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

void Barrier::EndRound(Outcome outcome) {
  for (Arrival* arrival = arrivals_; arrival != nullptr; arrival = arrival->next)
    arrival->outcome = outcome;
  arrivals_ = nullptr;
  arrived_ = 0;
  changed_.Broadcast();
}

void Barrier::Reset() {
  MutexLock lock(mutex_);
  while (actor_ != nullptr && actor_ != CurrentParkable()) changed_.Wait();
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
