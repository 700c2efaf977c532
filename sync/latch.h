// latch.h: waits until something has happened a given number of times. It cannot be used again.
//
// Go: none; a WaitGroup whose count is known in advance. Java: CountDownLatch. C++: std::latch.
//
// Thread safety: all methods may be called at any time from fibers, threads and timer callbacks
//   (those that wait not from the latter).
// Blocks: Wait(), WaitFor() and CountDownAndWait(): the fiber, or the thread when the caller is not
//   a fiber. The others: nothing.
// Ordering: each CountDown() that is needed to reach zero synchronizes with the return of every
//   wait.
// Lifetime: may be destroyed as soon as every wait has returned, even though the CountDown() that
//   reached zero has not returned yet. A CountDown() beyond zero must be over, too.
// Misuse: a negative count or step panics. Counting below zero is allowed and, as in Java, does
//   nothing.
// Cost: CountDown() one atomic add; a wait at zero a spin lock; no allocation; 24 bytes.
//
//   weft::Latch loaded(3);
//   for (Shard& shard : shards) weft::Go([&] { shard.Load(); loaded.CountDown(); });
//   loaded.Wait();
#ifndef WEFT_SYNC_LATCH_H_
#define WEFT_SYNC_LATCH_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sync/event.h"

namespace weft {

class Latch {
 public:
  explicit Latch(int64_t count)
      : count_(count), zero_(EventReset::kManual, /*set=*/count == 0, WaitReason::kSyncLatchWait) {
    if (count < 0) Panic("sync: negative Latch count");
  }
  Latch(const Latch&) = delete;
  Latch& operator=(const Latch&) = delete;

  // Returns when the count is zero.
  void Wait() {
    zero_.Wait();
    race::Acquire(this);
  }

  // As Wait(). Returns false if time ran out before.
  bool WaitFor(absl::Duration timeout) { return Passed(zero_.WaitFor(timeout)); }

  // Whether Wait() would return at once.
  bool TryWait() { return Passed(zero_.TryWait()); }

  // Takes `n` off the count.
  void CountDown(int64_t n = 1) {
    if (n < 0) Panic("sync: negative Latch step");
    race::Release(this);
    // ORDER(latch.count): acq_rel; pairs with itself. Who reaches zero has seen what the others did
    // before their CountDown(), and passes it on to the waiters through the event.
    const int64_t before = count_.fetch_sub(n, std::memory_order_acq_rel);
    if (before > 0 && before <= n) zero_.Set();
  }

  // std::latch calls it arrive_and_wait().
  void CountDownAndWait(int64_t n = 1) {
    CountDown(n);
    Wait();
  }

  // For diagnostics.
  int64_t Count() const {
    // Relaxed: a statistic.
    return std::max<int64_t>(0, count_.load(std::memory_order_relaxed));
  }

 private:
  bool Passed(bool passed) const {
    if (passed) race::Acquire(this);
    return passed;
  }

  // Goes below zero when it is counted down too often.
  sched_internal::Atom<int64_t> count_;
  Event zero_;
};

}  // namespace weft

#endif  // WEFT_SYNC_LATCH_H_
