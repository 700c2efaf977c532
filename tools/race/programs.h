// Small programs for the test of the race detector. A racy one has an access that Go's memory model
// orders with no other; in a correct one everything is ordered. Neither depends on who runs when.
#ifndef WEFT_TOOLS_RACE_PROGRAMS_H_
#define WEFT_TOOLS_RACE_PROGRAMS_H_

#include <atomic>
#include <string_view>
#include <utility>

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
absl::Span<const Program> CorrectWithChannels();
absl::Span<const Program> CorrectWithSync();
absl::Span<const Program> RacyInBubble();
absl::Span<const Program> CorrectInBubble();

// The program's accesses. Not inlined, so that they stay what they are.
[[gnu::noinline]] inline void Write(int& x) { ++x; }
[[gnu::noinline]] inline int Read(const int& x) {
  const int seen = x;
  asm volatile("" : : "r"(seen));  // else a read that nobody uses would not be made
  return seen;
}

// What fibers race for. ThreadSanitizer looks for conflicts with an access, then notes it, so two in
// the same instant may miss each other. Here each access is two, with a fence between: the second of
// either finds the other's first. It is of another size, for one noted already is not looked at, and
// the word has no neighbours, for four accesses are all that is known of eight bytes.
struct alignas(8) Shared {
  int value = 0;
};
inline void Fence() {
#if defined(__x86_64__)
  asm volatile("mfence" : : : "memory");
#else
  asm volatile("dmb ish" : : : "memory");
#endif
}
[[gnu::noinline]] inline void Write(Shared& x) {
  ++x.value;
  Fence();
  volatile auto& part = reinterpret_cast<unsigned char&>(x.value);
  part = part;
}
[[gnu::noinline]] inline int Read(const Shared& x) {
  const int seen = x.value;
  Fence();
  [[maybe_unused]] const auto part = reinterpret_cast<const volatile unsigned char&>(x.value);
  return seen;
}

// Fibers whose end can be waited for without coming after what they have done: only a lock, a
// channel or the like gives that. What they touch must be declared before.
class Fibers {
 public:
  Fibers() = default;
  ~Fibers() { Await(); }
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  template <typename Fn>
  void Go(Fn fn) {
    ++started_;
    weft::Go([this, fn = std::move(fn)]() mutable {
      fn();
      ended_.fetch_add(1, std::memory_order_relaxed);  // relaxed: orders nothing
    });
  }

  // Runs fn() in a fiber of its own, to its end.
  template <typename Fn>
  void Run(Fn fn) {
    Go(std::move(fn));
    Await();
  }

  void Await() const {
    while (ended_.load(std::memory_order_relaxed) != started_) Gosched();
  }

 private:
  int started_ = 0;
  std::atomic<int> ended_{0};
};

// Two fibers that write `x`, each between enter() and leave().
template <typename Enter, typename Leave>
void BothWrite(int times, Enter enter, Leave leave) {
  Shared x;
  Fibers fibers;
  for (int i = 0; i < 2; ++i) {
    fibers.Go([&x, times, enter, leave] {
      for (int k = 0; k < times; ++k) {
        enter();
        Write(x);
        leave();
      }
    });
  }
}

}  // namespace weft::race_programs

#endif  // WEFT_TOOLS_RACE_PROGRAMS_H_
