// worker_pool.h: at most n fibers that run the tasks they are given, kept for the next ones.
//
// Go: ants.Pool: NewPool, Submit, Running, Free, Waiting, Cap, Tune, IsClosed, Release,
//   ReleaseTimeout, Reboot and its options. Differences: Submit() also with a context; those who
//   wait are served in order; a worker survives the panic of a task; no WithPreAlloc, since nothing
//   is allocated for the list of workers; the destructor waits.
//
// When not to use it: to save the cost of starting fibers. Starting one costs less than handing a
//   task to a worker: bare fibers, or Limit if what the tasks use must be bounded, are simpler and
//   faster. A pool is for code that wants its counts, Tune(), or refusal under overload.
//
// Thread safety: all methods.
// Blocks: Submit(): while `capacity` tasks run, unless options.nonblocking. ReleaseTimeout(), the
//   destructor: until running tasks have ended. The fiber, or the thread when the caller is not
//   one.
// Ordering: Submit() is before its task; a task before the return of the ReleaseTimeout() or the
//   destructor that waited for it. Tasks have no order among each other.
// Lifetime: the destructor releases the pool and waits. Tasks may refer to what outlives it.
// Misuse: an expiry that is not positive panics. A task that submits to its own full pool, and
//   waits, may wait for itself; one that destroys its own pool does.
// Cost: Submit() about 60 ns with the task's start; the closure is kept inline up to 16 bytes,
//   otherwise one allocation. An idle worker: a parked fiber.
//
//   weft::WorkerPool pool(4);
//   for (const Job& job : jobs) (void)pool.Submit([&job] { job.Run(); });
#ifndef WEFT_PATTERNS_WORKER_POOL_H_
#define WEFT_PATTERNS_WORKER_POOL_H_

#include <cstdint>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/internal/pool_base.h"
#include "weft/patterns/internal/pool_core.h"

namespace weft {

namespace patterns_internal {

// What WorkerPool and FuncPool have in common.
template <typename T, typename Fn>
class PoolControls {
 public:
  using Item = T;

  PoolControls(int64_t capacity, PoolOptions options, Fn fn)
      : core_(capacity, std::move(options), std::move(fn)) {}

  // Workers that are alive, idle ones included.
  int64_t Running() const { return core_.Counts().running; }
  // How many more there may be; -1: any number.
  int64_t Free() const {
    const PoolCounts counts = core_.Counts();
    if (counts.capacity < 0) return -1;
    return counts.running < counts.capacity ? counts.capacity - counts.running : 0;
  }
  // Submissions that wait.
  int64_t Waiting() const { return core_.Counts().waiting; }
  // -1: unlimited.
  int64_t Cap() const { return core_.Counts().capacity; }
  bool IsClosed() const { return core_.Counts().closed; }

  // Sets the capacity. No effect if it is, or would be, unlimited. Workers too many end after their
  // task; submissions that wait start at once if there is room.
  void Tune(int64_t capacity) { core_.Tune(capacity); }

  // Closes the pool: further submissions fail, as do those that wait; idle workers end, others
  // after their task.
  void Release() { core_.Close(); }

  // The same, and waits until all have ended. kDeadlineExceeded if that takes longer;
  // kFailedPrecondition if the pool was closed already.
  absl::Status ReleaseTimeout(absl::Duration patience) {
    if (!core_.Close()) return PoolClosedError();
    return core_.AwaitGone(patience) ? absl::OkStatus() : PoolTimeoutError();
  }

  // After Release(). Returns whether all workers have ended within that time.
  bool AwaitReleased(absl::Duration patience) { return core_.AwaitGone(patience); }

  // Opens a closed pool again.
  void Reboot() { core_.Reopen(); }

  // Takes `item` if it can. Moved from only if the answer is OK.
  absl::Status Offer(T& item) { return core_.Submit(nullptr, item); }
  absl::Status Offer(const Context& ctx, T& item) { return core_.Submit(&ctx, item); }

 private:
  PoolCore<T, Fn> core_;
};

using PoolTask = absl::AnyInvocable<void()>;

struct CallTask {
  void operator()(PoolTask& task) const { task(); }
};

}  // namespace patterns_internal

class WorkerPool : public patterns_internal::PoolControls<patterns_internal::PoolTask,
                                                          patterns_internal::CallTask> {
 public:
  using Task = Item;

  // Not positive: unlimited.
  explicit WorkerPool(int64_t capacity, PoolOptions options = {})
      : PoolControls(capacity, std::move(options), {}) {}

  // Has task() run by a worker, as soon as there is one. Errors: kFailedPrecondition if the pool is
  // or gets closed, kResourceExhausted by its options, the context's; the task is dropped then.
  absl::Status Submit(Task task) { return Offer(task); }
  absl::Status Submit(const Context& ctx, Task task) { return Offer(ctx, task); }
};

// A pool without limit for the whole process, never destroyed. Go: ants.Submit and its siblings.
WorkerPool& DefaultWorkerPool();

}  // namespace weft

#endif  // WEFT_PATTERNS_WORKER_POOL_H_
