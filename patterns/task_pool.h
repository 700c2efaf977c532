// task_pool.h: a bounded number of fibers for tasks whose results belong together.
//
// Go: github.com/sourcegraph/conc/pool. What the tasks return says which of its pools this is:
//
//     TaskPool<void>                Pool             Wait() returns nothing
//     TaskPool<absl::Status>        ErrorPool        Wait() returns an absl::Status
//     TaskPool<T>                   ResultPool       Wait() returns a std::vector<T>
//     TaskPool<absl::StatusOr<T>>   ResultErrorPool  Wait() returns TaskResults<T>
//
// Tasks that take a context make it ContextPool and ResultContextPool. Results are in the order of
// submission. Errors are joined as errors.Join does: the code of the first, the messages of all.
//
// Thread safety: Go() from anywhere. Wait(): once, when nobody calls Go() any more.
// Blocks: Go(): while options.max_fibers run. Wait() and the destructor: until all tasks have
//   ended. The fiber, or the thread when the caller is not a fiber.
// Ordering: the end of each task is before the return of Wait().
// Lifetime: tasks may refer to what outlives the pool, which waits for them.
// Misuse: a panic in a task is thrown by Wait(), with its stack, when all others have ended; by the
//   destructor, which ends the process, if nobody called Wait(). After an error of a task with
//   cancel_on_error, tasks that are not started yet run all the same, with a context that has
//   ended.
// Cost: as TaskGroup; a slot for each result.
//
//   weft::TaskPool<absl::StatusOr<Page>> pool({.max_fibers = 8, .cancel_on_error = true}, ctx);
//   for (const Url& url : urls) pool.Go([&](const weft::Context& ctx) { return Fetch(ctx, url); });
//   auto [pages, status] = pool.Wait();
#ifndef WEFT_PATTERNS_TASK_POOL_H_
#define WEFT_PATTERNS_TASK_POOL_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/context/context.h"
#include "weft/patterns/internal/task_errors.h"
#include "weft/patterns/panics.h"
#include "weft/patterns/task_group.h"
#include "weft/sched/panic.h"
#include "weft/sync/mutex.h"
#include "weft/sync/semaphore.h"

namespace weft {

struct TaskPoolOptions {
  // 0: any number.
  int64_t max_fibers = 0;
  // The first error, or panic, ends the context of all tasks.
  bool cancel_on_error = false;
  // Wait() gives the first error alone.
  bool first_error = false;
  // Results hold a T() in the place of each task that failed; otherwise nothing.
  bool collect_failed = false;
};

template <typename T>
struct TaskResults {
  std::vector<T> results;
  absl::Status status;
};

template <typename R>
class TaskPool {
  static constexpr bool kVoid = std::is_void_v<R>;
  static constexpr bool kStatus = std::is_same_v<R, absl::Status>;
  using Kind = patterns_internal::ResultKind<R>;
  using Value = typename Kind::Value;

 public:
  explicit TaskPool(TaskPoolOptions options = {}, const Context& parent = Background())
      : options_(options) {
    if (options.max_fibers < 0) Panic("max fibers in a task pool must not be negative");
    if (options.max_fibers > 0) places_.emplace(options.max_fibers);
    auto [context, cancel] = WithCancel(parent);
    context_ = std::move(context);
    cancel_ = std::move(cancel);
  }
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  // What the tasks get that take a context.
  const Context& context() const { return context_; }

  // Runs task(), or task(const Context&), in a new fiber, once there is a place.
  template <typename Task>
  void Go(Task task) {
    if (places_) places_->Acquire();
    tasks_.Go([this, slot = NewSlot(), task = std::move(task)]() mutable {
      Finish finish{this};
      if constexpr (std::is_invocable_v<Task&, const Context&>) {
        Run(slot, [&]() -> R { return task(context_); });
      } else {
        Run(slot, [&]() -> R { return task(); });
      }
      finish.cancels = false;
    });
  }

  // Waits for all tasks; throws the first panic; returns what the table above says.
  typename Kind::Results Wait() {
    tasks_.Wait();
    cancel_();
    MutexLock lock(mu_);
    if constexpr (kStatus) {
      return errors_.status();
    } else if constexpr (Kind::kFails) {
      return {Collect(), errors_.status()};
    } else if constexpr (!kVoid) {
      return Collect();
    }
  }

 private:
  using Slot = std::optional<Value>*;

  // On the way out of a task, also by a panic.
  struct Finish {
    ~Finish() {
      if (cancels && pool->options_.cancel_on_error && !InGoexit()) pool->cancel_();
      if (pool->places_) pool->places_->Release();
    }
    TaskPool* pool;
    bool cancels = true;
  };

  Slot NewSlot() {
    if constexpr (kVoid || kStatus) {
      return nullptr;
    } else {
      MutexLock lock(mu_);
      return &slots_.emplace_back();
    }
  }

  template <typename Call>
  void Run(Slot slot, Call call) {
    if constexpr (kVoid) {
      call();
    } else if constexpr (kStatus) {
      Note(call());
    } else if constexpr (Kind::kFails) {
      R result = call();
      Note(result.status());
      if (result.ok()) {
        slot->emplace(*std::move(result));
      } else if (options_.collect_failed) {
        slot->emplace();
      }
    } else {
      slot->emplace(call());
    }
  }

  void Note(const absl::Status& status) {
    if (status.ok()) return;
    {
      MutexLock lock(mu_);
      errors_.Add(status, options_.first_error);
    }
    if (options_.cancel_on_error) cancel_();
  }

  std::vector<Value> Collect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::vector<Value> values;
    values.reserve(slots_.size());
    for (std::optional<Value>& slot : slots_) {
      if (slot) values.push_back(*std::move(slot));
    }
    return values;
  }

  const TaskPoolOptions options_;
  Context context_;
  CancelFunc cancel_;
  std::optional<Semaphore> places_;
  Mutex mu_;
  patterns_internal::TaskErrors errors_ ABSL_GUARDED_BY(mu_);
  // In the order of submission. A slot is its task's until the task has ended; a deque does not
  // move it.
  std::deque<std::optional<Value>> slots_ ABSL_GUARDED_BY(mu_);
  // Last: its destructor waits for those who use the others.
  TaskGroup tasks_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_TASK_POOL_H_
