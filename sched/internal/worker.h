// A worker: an operating-system thread that runs fibers.
//
// Go: the M, with its g0.
#ifndef WEFT_SCHED_INTERNAL_WORKER_H_
#define WEFT_SCHED_INTERNAL_WORKER_H_

#include <pthread.h>

#include <cstdint>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/eh_globals.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/futex.h"
#include "weft/sched/internal/processor.h"
#include "weft/sched/internal/runtime_gate.h"
#include "weft/sched/internal/steal_patience.h"
#include "weft/sched/internal/thread_local.h"

namespace weft::sched_internal {

class SimHooks;

// What becomes of the fiber that was just left, once its context is saved.
enum class After : uint8_t {
  kNothing,
  kPark,         // commit its park, unless it has been notified meanwhile
  kYield,        // back of the local queue
  kYieldGlobal,  // back of the global queue
  kRotate,       // it is in the local queue already
  kEnd,          // it will never run again
};

// Everything is touched by the worker's own thread only, except where it says otherwise.
struct alignas(kCacheLinePair) Worker : RuntimeGate<Processor> {
  Fiber* current = nullptr;  // null: on the thread's own stack
  Fiber* left = nullptr;     // to be dealt with by FinishSwitch()
  After after = After::kNothing;
  bool spinning = false;
  bool ends_with_fiber = false;  // its locked fiber has ended, so the thread ends
  uint32_t random = 1;
  StealPatience patience;
  void* thread_sp = nullptr;  // the scheduler loop on the thread's own stack
  EhGlobals* eh = nullptr;
  ThreadLocals* locals = nullptr;
  SimHooks* sim = nullptr;  // the world whose only worker this is; null in production
  [[no_unique_address]] SanitizerContext sanitizer;

  // The fiber that has locked itself to this thread; nobody else runs here then.
  Fiber* locked_fiber = nullptr;
  // A fiber that is to run next, found by one that could not switch to it itself.
  Fiber* chosen = nullptr;
  // For a worker that waits for its locked fiber's turn: the processor to run it with. Set by
  // whoever took the fiber from a queue, before `turn`.
  Processor* granted = nullptr;
  Futex turn;

  // Guarded by the scheduler's lock.
  Worker* next_idle = nullptr;
  bool in_idle_list = false;

  // Set, with `processor` and `spinning`, by whoever wakes the worker.
  Futex wake;

  int id = 0;  // constant
  pthread_t thread{};
  Worker* next_worker = nullptr;  // list of all; guarded by the scheduler's lock

  uint32_t Random() {
    random ^= random << 13;
    random ^= random >> 17;
    random ^= random << 5;
    return random;
  }
};

// The calling fiber; null on plain threads and on a worker's own stack.
inline Fiber* CurrentFiber() {
  const Worker* worker = CurrentWorker();
  return worker == nullptr ? nullptr : worker->current;
}

// Keeps the calling worker's processor with it, so that its queues and caches can be used. Nothing
// in the scope may switch fibers or run code that is not the runtime's.
class PinProcessor {
 public:
  PinProcessor() : worker_(CurrentWorker()) {
    if (worker_ == nullptr) return;
    was_in_user_code_ = worker_->in_user_code.load(std::memory_order_relaxed);  // owner-only
    worker_->EnterRuntime();
  }
  ~PinProcessor() {
    if (was_in_user_code_) worker_->LeaveRuntime();
  }
  PinProcessor(const PinProcessor&) = delete;
  PinProcessor& operator=(const PinProcessor&) = delete;

  // The calling worker, if it holds a processor.
  Worker* worker() const {
    return worker_ != nullptr && worker_->processor() != nullptr ? worker_ : nullptr;
  }

 private:
  Worker* const worker_;
  bool was_in_user_code_ = false;
};

// The number of the caller's processor, or -1. A hint: it may change at any time.
inline int CurrentProcessorHint() {
  const Worker* worker = CurrentWorker();
  const Processor* processor = worker == nullptr ? nullptr : worker->processor();
  return processor == nullptr ? -1 : processor->id;
}

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_WORKER_H_
