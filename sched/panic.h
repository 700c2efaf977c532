// panic.h: Go's panics as C++ exceptions, and Go's fatal errors.
//
// What Go panics on throws PanicError, with Go's words; it can be caught like any exception, runs
// destructors on its way, and ends the process with status 2 and a stack if nobody catches it. What
// Go calls fatal cannot be caught: `fatal error: …` and the state of every fiber on stderr, exit
// status 2.
//
// Go: panic, recover (catch), throw.
#ifndef WEFT_SCHED_PANIC_H_
#define WEFT_SCHED_PANIC_H_

#include <exception>
#include <memory>
#include <string>
#include <string_view>

namespace weft {

class PanicError : public std::exception {
 public:
  // Records the stack of the caller. Copies share the message and the stack and never throw.
  explicit PanicError(std::string_view message);

  // The message alone, as given to Panic().
  const char* what() const noexcept override;

  // Where the panic began: one frame a line, symbolized, innermost first.
  std::string Stack() const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

// Throws PanicError(message).
[[noreturn]] void Panic(std::string_view message);

// Ends the process: `fatal error: MESSAGE`, every fiber's state on stderr, exit status 2. For
// broken invariants and for misuse that Go makes fatal. Callable from fibers, threads and timer
// callbacks, with SpinLocks held.
[[noreturn]] void Fatal(std::string_view message);

}  // namespace weft

#endif  // WEFT_SCHED_PANIC_H_
