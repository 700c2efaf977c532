// task_group.h: fibers that cannot outlive the scope that started them, and whose panic is that
// scope's panic.
//
// Go: github.com/sourcegraph/conc.WaitGroup: Go, Wait, WaitAndRecover.
//
// Thread safety: all methods.
// Blocks: Wait(), WaitAndRecover() and the destructor: the fiber, or the thread when the caller is
//   not a fiber. Go(): nothing.
// Ordering: the end of each function is before the return of every wait.
// Lifetime: functions may refer to what outlives the group, which waits for them.
// Misuse: a panic that nobody asked for by Wait() or WaitAndRecover() ends the process when the
//   group dies, unless the scope is being left by another exception.
// Cost: a WaitGroup's, and a `try` that costs nothing unless something is thrown; no allocation.
//
//   weft::TaskGroup tasks;
//   tasks.Go([&] { LoadLeft(); });
//   tasks.Go([&] { LoadRight(); });
//   tasks.Wait();  // throws what a task threw
#ifndef WEFT_PATTERNS_TASK_GROUP_H_
#define WEFT_PATTERNS_TASK_GROUP_H_

#include <atomic>
#include <exception>
#include <optional>
#include <utility>

#include "weft/patterns/panics.h"
#include "weft/sync/waitgroup.h"

namespace weft {

class TaskGroup {
 public:
  TaskGroup() = default;
  // Throwing from a destructor ends the process with the panic's message.
  ~TaskGroup() {
    running_.Wait();
    // Relaxed: the caller knows that no wait is under way.
    if (!asked_.load(std::memory_order_relaxed) && std::uncaught_exceptions() == 0) {
      panics_.Rethrow();
    }
  }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Runs fn() in a new fiber.
  template <typename Fn>
  void Go(Fn fn) {
    running_.Go([this, fn = std::move(fn)]() mutable { panics_.Try(fn); });
  }

  // Waits for all functions, then throws the first panic of any.
  void Wait() {
    if (std::optional<Recovered> panic = WaitAndRecover()) panic->Rethrow();
  }

  // Waits for all functions, and returns the first panic of any.
  std::optional<Recovered> WaitAndRecover() {
    running_.Wait();
    asked_.store(true, std::memory_order_relaxed);  // for the destructor
    return panics_.Panicked();
  }

 private:
  WaitGroup running_;
  PanicCatcher panics_;
  std::atomic<bool> asked_{false};
};

}  // namespace weft

#endif  // WEFT_PATTERNS_TASK_GROUP_H_
