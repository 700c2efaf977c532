// barrier.h: a place where a fixed number of parties wait for each other, again and again.
//
// Go: none. Java: CyclicBarrier. C++: std::barrier, without dropping out.
//
// Thread safety: all methods, from fibers and threads alike.
// Blocks: ArriveAndWait(), ArriveAndWaitFor(), and Reset() while the action runs: the fiber, or the
//   thread when the caller is not a fiber. The others: for a moment, as a Mutex does.
// Ordering: each arrival synchronizes with the action, and the action with the return of every
//   arrival of its round.
// Lifetime: may be destroyed when every call has returned.
// Misuse: fewer than one party panics. An action that arrives at its own barrier deadlocks.
// Cost: an arrival two uncontended locks and a park; releasing n parties is O(n); no allocation;
//   112 bytes.
//
// The last to arrive runs the action while the others wait, and releases them. If time runs out for
// one of them, if the action throws, or on Reset(), the barrier breaks for all who wait: none of
// them may think that the others came. It stays broken, and turns everybody away, until Reset().
//
//   weft::Barrier step(workers, [&] { grid.Swap(); });
//   for (int i = 0; i < workers; ++i) {
//     weft::Go([&, i] {
//       while (!grid.Done()) {
//         grid.Compute(i);
//         if (!step.ArriveAndWait().ok()) return;
//       }
//     });
//   }
#ifndef WEFT_SYNC_BARRIER_H_
#define WEFT_SYNC_BARRIER_H_

#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "weft/sched/park.h"
#include "weft/sync/cond.h"
#include "weft/sync/internal/waiter.h"
#include "weft/sync/mutex.h"

namespace weft {

class Barrier {
 public:
  explicit Barrier(int parties, std::function<void()> action = nullptr);
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  // Waits until all parties have arrived. Returns how many were still missing: parties - 1 for the
  // first, 0 for the last. kAborted: the barrier is or was broken. What the action throws comes out
  // of the call that ran it.
  absl::StatusOr<int> ArriveAndWait() { return Arrive(sync_internal::kNever); }

  // As ArriveAndWait(). kDeadlineExceeded: time ran out, and this call broke the barrier.
  absl::StatusOr<int> ArriveAndWaitFor(absl::Duration timeout);

  // Breaks the barrier for those who wait now, and makes it whole for those who come later. A round
  // whose action runs is complete, and only the action itself can still break it so.
  void Reset();

  bool IsBroken() const;

  // How many have arrived in this round; for diagnostics.
  int NumberWaiting() const;

  int parties() const { return parties_; }

 private:
  struct Arrival;
  enum class Outcome { kWaiting, kTripped, kBroken };

  absl::StatusOr<int> Arrive(int64_t deadline_ns);
  bool AwaitChange(int64_t deadline_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunAction() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndRound(Outcome outcome) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int parties_;
  const std::function<void()> action_;
  mutable Mutex mutex_;
  // Broadcast at the end of each round.
  Cond changed_{mutex_};
  // Those who wait in this round; they live in the waiters' frames.
  Arrival* arrivals_ ABSL_GUARDED_BY(mutex_) = nullptr;
  int arrived_ ABSL_GUARDED_BY(mutex_) = 0;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  // Who runs the action, without the lock, or null. Who arrives meanwhile belongs to the next
  // round.
  Parkable* actor_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace weft

#endif  // WEFT_SYNC_BARRIER_H_
