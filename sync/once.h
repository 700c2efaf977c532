// once.h: runs a function exactly once, however many ask for it.
//
// Go: sync.Once, sync.OnceFunc, sync.OnceValue (which also serves for OnceValues: return a pair or
//   a struct).
//
// Thread safety: all methods, from fibers and threads alike.
// Blocks: Do(): those who come while the function runs wait for its end. Afterwards nothing.
// Ordering: the end of the function synchronizes with the return of every Do().
// Lifetime: a Once may be destroyed when every Do() has returned. The handles of OnceFunc() and
//   OnceValue() share what they refer to, and it lives as long as any of them.
// Misuse: Do() from within its own function deadlocks. A function that throws, or calls Goexit(),
//   counts as done and never runs again; an empty std::function panics and counts as done, too.
// Cost: Do() afterwards one load, 0.5 ns; no allocation; 8 bytes.
//
//   static weft::Once once;
//   once.Do([] { LoadConfiguration(); });
//
//   auto config = weft::OnceValue([] { return ReadConfiguration(); });
//   Use(config());  // a const reference; reads it the first time only
#ifndef WEFT_SYNC_ONCE_H_
#define WEFT_SYNC_ONCE_H_

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/race.h"

namespace weft {

class Once {
 public:
  constexpr Once() = default;
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

  // Calls fn() if this is the first call; returns when the first call has ended.
  template <typename Fn>
  void Do(Fn&& fn) {
    // ORDER(once.done): acquire; pairs with the release in End().
    if (word_.load(std::memory_order_acquire) == kDone || !Begin()) return race::Acquire(this);
    struct Finally {
      ~Finally() { once->End(); }
      Once* once;
    } finally{this};
    if constexpr (requires { fn == nullptr; }) {
      if (fn == nullptr) PanicNilFunction();
    }
    std::invoke(std::forward<Fn>(fn));
  }

 private:
  // Nobody came yet; the function has ended; or it runs, and the rest of the word is the stack of
  // those who wait.
  static constexpr uintptr_t kNew = 0;
  static constexpr uintptr_t kDone = 1;
  static constexpr uintptr_t kRunning = 2;

  // Returns true if the caller is to run the function; otherwise after its end.
  bool Begin();
  void End();
  [[noreturn]] static void PanicNilFunction();

  sched_internal::Atom<uintptr_t> word_{kNew};
};

namespace sync_internal {

// How a panic of Goexit()'s caller is remembered: there is no exception that later callers could
// get.
std::exception_ptr CurrentFailure();

// What the handles of OnceFunc() and OnceValue() share.
template <typename Fn, typename Result>
class OnceCell {
 public:
  explicit OnceCell(Fn fn) : fn_(std::in_place, std::move(fn)) {}

  const Result& Get() {
    once_.Do([this] { Run(); });
    if (failure_) std::rethrow_exception(failure_);
    return *result_;
  }

 private:
  // The function is released as soon as it has ended, with all that it captured.
  void Run() {
    struct Finally {
      ~Finally() { cell->fn_.reset(); }
      OnceCell* cell;
    } finally{this};
    try {
      result_.emplace(Call());
    } catch (...) {
      failure_ = CurrentFailure();
      throw;
    }
  }

  Result Call() {
    if constexpr (std::is_void_v<std::invoke_result_t<Fn&>>) {
      std::invoke(*fn_);
      return Result();
    } else {
      return std::invoke(*fn_);
    }
  }

  Once once_;
  // Written by the one who runs, read when once_ is done.
  std::optional<Fn> fn_;
  std::optional<Result> result_;
  std::exception_ptr failure_;
};

}  // namespace sync_internal

// Returns a copyable function that calls fn() the first time and returns what it returned, by
// reference, every time. If fn throws, every call throws the same.
template <typename Fn>
auto OnceValue(Fn&& fn) {
  using Function = std::decay_t<Fn>;
  using Result = std::decay_t<std::invoke_result_t<Function&>>;
  static_assert(!std::is_void_v<Result>, "use OnceFunc");
  auto cell = std::make_shared<sync_internal::OnceCell<Function, Result>>(std::forward<Fn>(fn));
  return [cell = std::move(cell)]() -> const Result& { return cell->Get(); };
}

// As OnceValue(), for a function whose result is of no interest.
template <typename Fn>
auto OnceFunc(Fn&& fn) {
  auto ignore_result = [fn = std::decay_t<Fn>(std::forward<Fn>(fn))]() mutable { std::invoke(fn); };
  struct Nothing {};
  auto cell = std::make_shared<sync_internal::OnceCell<decltype(ignore_result), Nothing>>(
      std::move(ignore_result));
  return [cell = std::move(cell)] { cell->Get(); };
}

}  // namespace weft

#endif  // WEFT_SYNC_ONCE_H_
