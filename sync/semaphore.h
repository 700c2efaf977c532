// semaphore.h: a weighted semaphore, strictly first come, first served.
//
// Go: golang.org/x/sync/semaphore.Weighted. Also has forms without a context.
//
// Thread safety: all methods, from fibers and threads alike; Release() and TryAcquire() also from
//   timer callbacks.
// Blocks: Acquire() and TryAcquireFor(): the fiber, or the thread when the caller is not a fiber.
//   The others: nothing.
// Ordering: each Release() synchronizes with the return of every later acquisition.
// Lifetime: may be destroyed once nobody will call it any more, even while a Release() that has let
//   the last one in has not returned.
// Misuse: releasing more than is held panics: `semaphore: released more than held`; so does a
//   negative weight. To ask for more than the semaphore has waits for the context's end, or for
//   ever.
// Cost: each operation one compare-exchange, 2.2 ns alone; no allocation; 24 bytes.
//
// A large request at the front of the queue keeps smaller ones behind it waiting, even if there is
// enough for them: so it cannot starve. For the same reason TryAcquire() fails while anybody waits.
//
//   weft::Semaphore slots(8);
//   if (absl::Status s = slots.Acquire(ctx, 2); !s.ok()) return s;
//   …
//   slots.Release(2);
#ifndef WEFT_SYNC_SEMAPHORE_H_
#define WEFT_SYNC_SEMAPHORE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/race.h"
#include "weft/sync/cancellation.h"
#include "weft/sync/internal/wait_canceller.h"
#include "weft/sync/internal/waiter.h"

namespace weft {

class Semaphore {
 public:
  // With `size` permits, none of them taken.
  explicit Semaphore(int64_t size);
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // Takes n permits. Returns OK, or ctx.Err() if the context ended first; then nothing is taken. A
  // context that has ended already gets nothing even if there are enough.
  template <Cancellation Context>
  absl::Status Acquire(const Context& ctx, int64_t n = 1);
  void Acquire(int64_t n = 1);

  // Returns false, having taken nothing, if time ran out first.
  bool TryAcquireFor(absl::Duration timeout, int64_t n = 1);

  // Takes n permits if they are there and nobody waits.
  bool TryAcquire(int64_t n = 1);

  // Gives n permits back.
  void Release(int64_t n = 1);

 private:
  struct Waiter : sync_internal::Waiter {
    explicit Waiter(int64_t n) : weight(n) {}
    const int64_t weight;
  };

  // bit 0     kQueue    somebody changes the queue; whoever else wants to, spins
  //     1     kWaiting  the queue is not empty: newcomers must enter it
  //     2..63           free permits
  // Invariant: while kWaiting is set, only an owner of kQueue changes the word.
  static constexpr uint64_t kQueue = 1;
  static constexpr uint64_t kWaiting = 2;
  static constexpr int kShift = 2;

  bool TryOnce(int64_t n);
  void Give(int64_t n);
  bool AcquireUntil(int64_t n, int64_t deadline_ns);
  bool AcquireOrEnqueue(Waiter* self);
  void Withdraw(Waiter* self);
  void Settle(uint64_t free);
  static void CheckWeight(int64_t n);

  sched_internal::Atom<uint64_t> state_;
  const uint64_t size_;

  // Guarded by kQueue.
  sync_internal::WaitList queue_;
};

template <Cancellation Context>
absl::Status Semaphore::Acquire(const Context& ctx, int64_t n) {
  if (absl::Status ended = ctx.Err(); !ended.ok()) return ended;
  if (TryAcquire(n)) return absl::OkStatus();
  Waiter self(n);
  self.contested = true;
  if (!AcquireOrEnqueue(&self)) {
    sync_internal::WaitCanceller canceller(&self);
    if (!ctx.Watch(&canceller)) {
      self.Cancel();
    }
    const bool acquired = self.Await(WaitReason::kSemacquire);
    ctx.Unwatch(&canceller);
    if (!acquired) {
      Withdraw(&self);
      return ctx.Err();
    }
  }
  race::Acquire(this);
  // Both happened: the context wins.
  absl::Status ended = ctx.Err();
  if (!ended.ok()) Release(n);
  return ended;
}

}  // namespace weft

#endif  // WEFT_SYNC_SEMAPHORE_H_
