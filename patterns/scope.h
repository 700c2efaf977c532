// scope.h: fibers that do not outlive the block that started them.
//
// Go: errgroup.WithContext, with panics handed over. Kotlin: coroutineScope { launch { … } }.
//   Python: asyncio.TaskGroup.
//
// Thread safety: Go(), Cancel() and ctx() from everywhere, also from the scope's own fibers; Join()
//   by the owner.
// Blocks: Join() and the destructor: until all fibers of the scope have ended. The others: nothing.
// Ordering: Go(fn) is before fn; the end of every fiber is before the return of Join().
// Lifetime: what the fibers refer to must live until Join() has returned, or the Scope is
//   destroyed: declare it before.
// Misuse: Go() after Join() has returned panics. A fiber that does not look at its context holds up
//   everybody.
// Cost: a context, and for each fiber what WaitGroup::Go() costs plus the closure.
//
// The first error, and the first exception, cancel the context of all the others, with that error
// as cause. An exception comes out of Join() as it was thrown, with its stack; otherwise Join()
// returns the first error. The destructor cancels, waits, and drops both: join where they matter.
//
//   weft::Scope scope(ctx);
//   for (const Shard& shard : shards) {
//     scope.Go([&](const weft::Context& ctx) { return shard.Load(ctx); });
//   }
//   if (absl::Status s = scope.Join(); !s.ok()) return s;
#ifndef WEFT_PATTERNS_SCOPE_H_
#define WEFT_PATTERNS_SCOPE_H_

#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "weft/context/context.h"
#include "weft/sched/catch_panic.h"
#include "weft/sched/panic.h"
#include "weft/sync/mutex.h"
#include "weft/sync/waitgroup.h"

namespace weft {

namespace patterns_internal {

// Calls fn with the context, if it takes one, and makes a status of what it returns, if it returns
// anything.
template <typename Fn>
absl::Status Invoke(Fn&& fn, const Context& ctx) {
  if constexpr (std::is_invocable_v<Fn&, const Context&>) {
    if constexpr (std::is_void_v<std::invoke_result_t<Fn&, const Context&>>) {
      std::invoke(fn, ctx);
      return absl::OkStatus();
    } else {
      return std::invoke(fn, ctx);
    }
  } else if constexpr (std::is_void_v<std::invoke_result_t<Fn&>>) {
    std::invoke(fn);
    return absl::OkStatus();
  } else {
    return std::invoke(fn);
  }
}

}  // namespace patterns_internal

class Scope {
 public:
  explicit Scope(const Context& parent) : Scope(WithCancelCause(parent)) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() {
    cancel_(absl::CancelledError("scope left"));
    fibers_.Wait();
  }

  // The context of all fibers of the scope.
  const Context& ctx() const { return ctx_; }

  // Runs fn() or fn(ctx) in a new fiber; it returns nothing or an absl::Status.
  template <typename Fn>
  void Go(Fn fn) {
    if (joined()) Panic("Scope: Go after Join");
    fibers_.Go([this, fn = std::move(fn)]() mutable { Run(fn); });
  }

  // Ends the context of all fibers. The scope is not over before they are.
  void Cancel(absl::Status cause = absl::OkStatus()) { cancel_(std::move(cause)); }

  // Waits for all fibers, then ends the context. Throws what the first of them threw, or else
  // returns the first error.
  absl::Status Join() {
    fibers_.Wait();
    cancel_(absl::CancelledError("scope joined"));
    MutexLock lock(mu_);
    joined_ = true;
    if (panic_) std::rethrow_exception(std::exchange(panic_, nullptr));
    return error_;
  }

 private:
  explicit Scope(std::pair<Context, CancelCauseFunc> made)
      : ctx_(std::move(made.first)), cancel_(std::move(made.second)) {}

  template <typename Fn>
  void Run(Fn& fn) {
    absl::Status status;
    std::exception_ptr panic = CatchPanic([&] { status = patterns_internal::Invoke(fn, ctx_); });
    if (panic) status = absl::InternalError("panic in a fiber of the scope");
    if (!status.ok()) Fail(std::move(status), std::move(panic));
  }

  void Fail(absl::Status status, std::exception_ptr panic) {
    {
      MutexLock lock(mu_);
      if (panic && !panic_) panic_ = std::move(panic);
      if (error_.ok()) error_ = status;
    }
    cancel_(std::move(status));
  }

  bool joined() {
    MutexLock lock(mu_);
    return joined_;
  }

  const Context ctx_;
  const CancelCauseFunc cancel_;
  Mutex mu_;
  absl::Status error_ ABSL_GUARDED_BY(mu_);
  std::exception_ptr panic_ ABSL_GUARDED_BY(mu_);
  bool joined_ ABSL_GUARDED_BY(mu_) = false;
  WaitGroup fibers_;
};

// Calls body(scope) and joins. If the body returns an error or throws, its fibers are cancelled,
// and that is the result; what they return then is dropped.
template <typename Body>
absl::Status WithScope(const Context& parent, Body body) {
  Scope scope(parent);
  absl::Status status = patterns_internal::Invoke([&] { return body(scope); }, scope.ctx());
  if (!status.ok()) scope.Cancel(status);
  absl::Status joined = scope.Join();
  return status.ok() ? joined : status;
}

}  // namespace weft

#endif  // WEFT_PATTERNS_SCOPE_H_
