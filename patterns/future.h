// future.h: a result that is not there yet.
//
// Go: a channel with room for one. Java: CompletableFuture. C#: Task<T>. Kotlin: Deferred. Errors
//   are absl::Status; what a task throws is thrown to everybody who gets the result, as the same
//   exception, with its stack.
//
// Thread safety: all methods; handles are copyable and share the result.
// Blocks: Get(): until the result is there, or the context ends. The others: nothing.
// Ordering: what precedes the completion is before every Get(), Done() and continuation.
// Lifetime: the result lives as long as a handle. When the last Promise is gone without one, it is
//   kAborted.
// Misuse: a result that nobody gets is lost, exceptions among them. Async() without a scope runs as
//   long as it likes.
// Cost: a future: two allocations; a continuation: a fiber and an allocation, once the result is
//   there. Waiting continuations cost no fiber.
//
// Continuations run in fibers of their own and may block. Select can wait for a future:
// OnDone(future).
//
//   weft::Future<int> size = weft::Async([&] { return Measure(file); });
//   weft::Future<std::string> text = size.Then([](int n) { return std::to_string(n); });
//   absl::StatusOr<std::string> result = text.Get(ctx);
#ifndef WEFT_PATTERNS_FUTURE_H_
#define WEFT_PATTERNS_FUTURE_H_

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/internal/future_state.h"
#include "weft/patterns/scope.h"
#include "weft/sched/catch_panic.h"
#include "weft/sched/go.h"

namespace weft {

// Where a result comes from. Copies serve the same futures.
template <typename T>
class Promise {
 public:
  Promise() : breaker_(std::make_shared<Breaker>()) {}

  // False: it has a result already, which stays.
  bool Set(absl::StatusOr<T> result) const { return breaker_->state->Complete(std::move(result)); }
  bool SetPanic(std::exception_ptr panic) const {
    return breaker_->state->Complete(absl::InternalError("panic"), std::move(panic));
  }
  // Sets what fn() returns or throws; if that is a future, what comes of it.
  template <typename Fn>
  absl::Status SetFrom(Fn fn) const;

  Future<T> future() const { return Future<T>(breaker_->state); }

 private:
  struct Breaker {
    ~Breaker() { state->Complete(absl::AbortedError("promise dropped without a result")); }
    std::shared_ptr<patterns_internal::FutureState<T>> state =
        std::make_shared<patterns_internal::FutureState<T>>();
  };

  std::shared_ptr<Breaker> breaker_;
};

template <typename T>
class Future {
 public:
  using value_type = T;

  // Waits for the result. Throws what was thrown.
  const absl::StatusOr<T>& Get() const {
    state_->done.Recv();
    if (state_->panic) std::rethrow_exception(state_->panic);
    return *state_->result;
  }
  // The same, or ctx.Err() if the context ends first. The task is not told: give it the context,
  // too.
  absl::StatusOr<T> Get(const Context& ctx) const {
    if (Select(OnRecv(state_->done), OnDone(ctx)) == 1 && !done()) return ctx.Err();
    return Get();
  }

  bool done() const { return state_->done.TryRecv().closed(); }
  RecvChan<Empty> Done() const { return state_->done; }

  // The future of fn(value). Errors and exceptions pass fn by. fn returns U, StatusOr<U>,
  // Future<U>, Status or nothing.
  template <typename Fn>
  auto Then(Fn fn) const {
    return Continue([fn = std::move(fn)](const Future& f) mutable { return fn(*f.Get()); },
                    /*errors=*/false);
  }
  // The future of fn(status) in place of an error; the value as it is. fn returns T, StatusOr<T> or
  // Future<T>.
  template <typename Fn>
  Future OrElse(Fn fn) const {
    return Continue(
        [fn = std::move(fn)](const Future& f) mutable -> absl::StatusOr<T> {
          if (f.Get().ok()) return f.Get();
          if constexpr (std::is_same_v<std::invoke_result_t<Fn&, absl::Status>, Future>) {
            return fn(f.Get().status()).Get();
          } else {
            return fn(f.Get().status());
          }
        },
        /*errors=*/true);
  }
  // The future of fn(result), be it a value or an error. Exceptions pass it by.
  template <typename Fn>
  auto Handle(Fn fn) const {
    return Continue([fn = std::move(fn)](const Future& f) mutable { return fn(f.Get()); },
                    /*errors=*/true);
  }

  // For weft itself.
  using State = patterns_internal::FutureState<T>;
  explicit Future(std::shared_ptr<State> state) : state_(std::move(state)) {}
  const std::shared_ptr<State>& state() const { return state_; }

 private:
  // A fiber runs fn(*this) when the result is there, or hands the failure on if that is not for fn.
  template <typename Fn>
  auto Continue(Fn fn, bool errors) const {
    using U = typename patterns_internal::FutureOf<std::invoke_result_t<Fn&, const Future&>>::Type;
    Promise<U> promise;
    Future<U> future = promise.future();
    auto shared_fn = std::make_shared<Fn>(std::move(fn));  // std::function copies
    state_->WhenDone([state = state_, shared_fn, promise = std::move(promise), errors] {
      if (state->panic) {
        promise.SetPanic(state->panic);
      } else if (!errors && !state->result->ok()) {
        promise.Set(state->result->status());
      } else {
        Go([state, shared_fn, promise] {
          (void)promise.SetFrom([&] { return (*shared_fn)(Future(state)); });
        });
      }
    });
    return future;
  }

  std::shared_ptr<State> state_;
};

template <typename T>
template <typename Fn>
absl::Status Promise<T>::SetFrom(Fn fn) const {
  using R = std::invoke_result_t<Fn&>;
  absl::Status status;
  std::exception_ptr panic = CatchPanic([&] {
    if constexpr (std::is_void_v<R>) {
      fn();
      Set(Empty());
    } else if constexpr (std::is_same_v<R, absl::Status>) {
      status = fn();
      Set(status.ok() ? absl::StatusOr<T>(Empty()) : status);
    } else if constexpr (std::is_same_v<R, Future<T>>) {
      Set(fn().Get());
    } else {
      absl::StatusOr<T> result = fn();
      status = result.status();
      Set(std::move(result));
    }
  });
  if (panic) {
    SetPanic(panic);
    status = absl::InternalError("panic");
  }
  return status;
}

// The future of fn(), which runs in a new fiber.
template <typename Fn>
auto Async(Fn fn) {
  using T = typename patterns_internal::FutureOf<std::invoke_result_t<Fn&>>::Type;
  Promise<T> promise;
  Future<T> future = promise.future();
  Go([promise = std::move(promise), fn = std::move(fn)]() mutable {
    (void)promise.SetFrom(std::move(fn));
  });
  return future;
}

// The same for fn(ctx) in a fiber of the scope, which an error or exception ends, too.
template <typename Fn>
auto Async(Scope& scope, Fn fn) {
  using T = typename patterns_internal::FutureOf<std::invoke_result_t<Fn&, const Context&>>::Type;
  Promise<T> promise;
  Future<T> future = promise.future();
  scope.Go([promise = std::move(promise), fn = std::move(fn)](const Context& ctx) mutable {
    return promise.SetFrom([&] { return fn(ctx); });
  });
  return future;
}

// A future whose result is there.
template <typename T>
Future<T> ReadyFuture(absl::StatusOr<T> result) {
  Promise<T> promise;
  promise.Set(std::move(result));
  return promise.future();
}

}  // namespace weft

#endif  // WEFT_PATTERNS_FUTURE_H_
