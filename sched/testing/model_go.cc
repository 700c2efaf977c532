// go.h on model threads: a fiber runs where it is started, on the thread that starts it.
#include <cstddef>
#include <cstdlib>

#include "weft/sched/go.h"
#include "weft/sched/internal/spawn.h"
#include "weft/sched/testing/model.h"

namespace weft {

void Gosched() { sched_internal::model::SpinHint(); }

void Goexit() { sched_internal::model::Fail("Goexit()"); }

namespace sched_internal {

Spawn::Spawn(StackKind, const char*, size_t, size_t closure_bytes, size_t,
             void (*run)(void* closure))
    : fiber_(reinterpret_cast<Fiber*>(run)), closure_(std::malloc(closure_bytes)) {}

void Spawn::Start() {
  const auto run = reinterpret_cast<void (*)(void*)>(fiber_);
  fiber_ = nullptr;
  run(closure_);
  std::free(closure_);
}

void Spawn::Abandon() { std::free(closure_); }

void FatalNilFunction() { model::Fail("go of nil func value"); }

bool IsGoexitUnwinding() { return false; }

}  // namespace sched_internal

}  // namespace weft
