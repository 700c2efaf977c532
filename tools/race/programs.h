// Small programs for the test of the race detector. A racy one has an access that Go's memory model
// orders with no other; in a correct one everything is ordered. Neither depends on who runs when.
#ifndef WEFT_TOOLS_RACE_PROGRAMS_H_
#define WEFT_TOOLS_RACE_PROGRAMS_H_

#include <string_view>

#include "absl/types/span.h"
#include "weft/sched/go.h"

namespace weft::race_programs {

struct Program {
  std::string_view name;
  void (*run)();  // in a fiber; returns when all its fibers have ended
  // Is to be reported for certain with one worker only: with more it takes luck to find a fiber
  // parked, and one that is about to park is taken for ordered (sched/DESIGN.md).
  bool one_worker = false;
};

absl::Span<const Program> Racy();
absl::Span<const Program> Correct();

// The program's accesses. Not inlined, so that they stay what they are.
[[gnu::noinline]] inline void Write(int& x) { ++x; }
[[gnu::noinline]] inline int Read(const int& x) {
  const int seen = x;
  asm volatile("" : : "r"(seen));  // else a read that nobody uses would not be made
  return seen;
}

// Fibers whose end can be waited for without coming after what they have done: only a lock, a
// channel or the like gives that.
class Fibers {
 public:
  Fibers() : before_(NumFiber()) {}
  ~Fibers() { Await(); }
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  void Await() const {
    while (NumFiber() > before_) Gosched();
  }

  // Runs fn() in a fiber of its own, to its end.
  template <typename Fn>
  void Run(Fn fn) const {
    const int before = NumFiber();
    Go(fn);
    while (NumFiber() > before) Gosched();
  }

 private:
  const int before_;
};

}  // namespace weft::race_programs

#endif  // WEFT_TOOLS_RACE_PROGRAMS_H_
