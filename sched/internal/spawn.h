// How the template weft::Go() hands a closure to the scheduler without allocating: the closure is
// built in place on the new fiber's own stack.
#ifndef WEFT_SCHED_INTERNAL_SPAWN_H_
#define WEFT_SCHED_INTERNAL_SPAWN_H_

#include <cstddef>

#include "weft/sched/internal/stack_kind.h"

namespace weft::sched_internal {

struct Fiber;

// A fiber that is being built. Start() makes it runnable; without Start() (the closure's
// constructor threw) the destructor gives its stack back.
class Spawn {
 public:
  Spawn(StackKind kind, const char* name, size_t stack_bytes, size_t closure_bytes,
        size_t closure_align, void (*run)(void* closure));
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  ~Spawn() {
    if (fiber_ != nullptr) Abandon();
  }

  // Uninitialized storage for the closure.
  void* closure() const { return closure_; }

  void Start();

 private:
  void Abandon();

  Fiber* fiber_;
  void* closure_;
};

// Runs and destroys a closure, also when an exception leaves it.
template <typename Closure>
void RunClosure(void* storage) {
  struct Destroyer {
    Closure* closure;
    ~Destroyer() { closure->~Closure(); }
  } destroyer{static_cast<Closure*>(storage)};
  (*destroyer.closure)();
}

// `fatal error: go of nil func value`.
[[noreturn]] void FatalNilFunction();

// Whether the calling fiber is on its way out by Goexit(): destructors that run now run because of
// it. False during a panic, and on plain threads.
bool IsGoexitUnwinding();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_SPAWN_H_
