// catch_panic.h: to catch whatever a function throws, without catching Goexit().
//
// Go: recover() in a deferred function: it sees a panic, and never a Goexit.
//
// Thread safety: nothing is shared; an exception that is handed to another fiber is the same object
//   there.
// Blocks: nothing of its own.
// Lifetime: an exception lives as long as somebody holds the std::exception_ptr.
// Cost: nothing if fn() returns; otherwise what C++ takes to throw and catch.
//
//   std::exception_ptr panic = weft::CatchPanic([&] { Handle(request); });
//   if (panic) std::fputs(weft::DescribePanic(panic).c_str(), stderr);
#ifndef WEFT_SCHED_CATCH_PANIC_H_
#define WEFT_SCHED_CATCH_PANIC_H_

#include <exception>
#include <string>
#include <utility>

#include "weft/sched/internal/spawn.h"

namespace weft {

// Calls fn() and returns what it threw, null if nothing. Goexit() passes through.
template <typename Fn>
std::exception_ptr CatchPanic(Fn&& fn) {
  try {
    std::forward<Fn>(fn)();
    return nullptr;
  } catch (...) {
    if (sched_internal::IsGoexitUnwinding()) throw;
    return std::current_exception();
  }
}

// What was thrown, for a log: what() or the type, and for a PanicError the stack where it began,
// below. `panic` is not null.
std::string DescribePanic(const std::exception_ptr& panic);

}  // namespace weft

#endif  // WEFT_SCHED_CATCH_PANIC_H_
