// panics.h: a panic of one fiber, caught, kept with its stack, and passed on to another.
//
// Go: recover() with debug.Stack(); github.com/sourcegraph/conc/panics. Any exception counts as a
//   panic. Goexit() does not, and passes through.
//
// Thread safety: Recovered is immutable; PanicCatcher: all methods.
// Blocks: nothing.
// Ordering: a Try() that caught a panic synchronizes with the Panicked() that returns it.
// Lifetime: copies of a Recovered share the exception.
// Cost: nothing if nothing is thrown; otherwise what C++ takes to throw and catch, some
//   microseconds.
//
//   if (std::optional<weft::Recovered> panic = weft::Recover([&] { plugin.Run(); })) {
//     std::cerr << panic->message() << "\n" << panic->Stack();
//   }
#ifndef WEFT_PATTERNS_PANICS_H_
#define WEFT_PATTERNS_PANICS_H_

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "weft/sched/go.h"
#include "weft/sync/mutex.h"

namespace weft {

class Recovered {
 public:
  // What is being handled by the `catch` block that calls it.
  static Recovered Current();

  // What the panic says.
  const std::string& message() const { return message_; }

  // Where it began, one frame a line; empty for exceptions other than PanicError, which do not
  // know.
  std::string Stack() const;

  // Throws the very exception again, which still knows where it began.
  [[noreturn]] void Rethrow() const { std::rethrow_exception(exception_); }
  const std::exception_ptr& exception() const { return exception_; }

  // kInternal, "panic: MESSAGE" and the stack.
  absl::Status ToStatus() const;

 private:
  Recovered(std::exception_ptr exception, std::string message)
      : exception_(std::move(exception)), message_(std::move(message)) {}

  std::exception_ptr exception_;
  std::string message_;
};

// Calls fn(); returns its panic, or nothing if it returned.
template <typename Fn>
std::optional<Recovered> Recover(Fn&& fn) {
  try {
    std::forward<Fn>(fn)();
  } catch (...) {
    if (InGoexit()) throw;
    return Recovered::Current();
  }
  return std::nullopt;
}

// Keeps the first panic of many fibers.
class PanicCatcher {
 public:
  PanicCatcher() = default;
  PanicCatcher(const PanicCatcher&) = delete;
  PanicCatcher& operator=(const PanicCatcher&) = delete;

  // Calls fn(). Returns false if it panicked.
  template <typename Fn>
  bool Try(Fn&& fn) {
    std::optional<Recovered> panic = Recover(std::forward<Fn>(fn));
    if (panic) Keep(*std::move(panic));
    return !panic;
  }

  // The first panic so far.
  std::optional<Recovered> Panicked() const;

  // Throws it, if there is one.
  void Rethrow() const;

 private:
  void Keep(Recovered panic);

  mutable Mutex mu_;
  std::optional<Recovered> first_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weft

#endif  // WEFT_PATTERNS_PANICS_H_
