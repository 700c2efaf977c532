// main.h: a program whose main function is a fiber.
//
// Go: func main. The process ends when fn returns, whatever other fibers do; when all fibers are
//   asleep and no timer and no other thread can wake one, it ends with `fatal error: all fibers are
//   asleep - deadlock!` and status 2. SIGQUIT shows all fibers and ends it with status 2, unless
//   the program has set what that signal does.
//
// Thread safety: call it once, from main().
// Blocks: the calling thread, until fn returns. fn runs in a fiber with 8 MiB of stack.
// Misuse: an exception that leaves fn ends the process as in every fiber: message, stack, status 2.
//
//   int main(int argc, char** argv) {
//     return weft::Main(argc, argv, [] { std::puts("in a fiber"); });
//   }
#ifndef WEFT_SCHED_MAIN_H_
#define WEFT_SCHED_MAIN_H_

#include <type_traits>
#include <utility>

#include "weft/sched/go.h"

namespace weft {

namespace sched_internal {

void PrepareMain(int argc, char** argv);
void FinishMain();
void WaitForMain();
inline constexpr size_t kMainStackBytes = 8 << 20;

}  // namespace sched_internal

// Runs fn() in a fiber and returns its result, which is the exit status; 0 if fn returns nothing.
// What other fibers do meanwhile stops at their next scheduling point, so that they do not meet
// destroyed globals.
template <typename Fn>
int Main(int argc, char** argv, Fn&& fn) {
  using Result = std::invoke_result_t<Fn&>;
  static_assert(std::is_void_v<Result> || std::is_convertible_v<Result, int>,
                "the function given to weft::Main returns the exit status, or nothing");
  int status = 0;
  sched_internal::PrepareMain(argc, argv);
  Go({.name = "main", .stack_bytes = sched_internal::kMainStackBytes}, [&status, &fn] {
    if constexpr (std::is_void_v<Result>) {
      (void)status;
      fn();
    } else {
      status = fn();
    }
    sched_internal::FinishMain();
  });
  sched_internal::WaitForMain();
  return status;
}

}  // namespace weft

#endif  // WEFT_SCHED_MAIN_H_
