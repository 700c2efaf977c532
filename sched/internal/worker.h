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
#include "weft/sched/internal/thread_local.h"

namespace weft::sched_internal {

class SimHooks;

// What becomes of the fiber that was just left, once its context is saved.
enum class After : uint8_t {
  kNothing,
  kPark,         // commit its park, unless it has been notified meanwhile
  kYield,        // back of the local queue
  kYieldGlobal,  // back of the global queue
  kEnd,          // it will never run again
};

// Everything is touched by the worker's own thread only, except where it says otherwise.
struct alignas(kCacheLinePair) Worker {
  Processor* processor = nullptr;  // null: holds none
  Fiber* current = nullptr;        // null: on the thread's own stack
  Fiber* left = nullptr;           // to be dealt with by FinishSwitch()
  After after = After::kNothing;
  bool spinning = false;
  uint32_t random = 1;
  void* thread_sp = nullptr;  // the scheduler loop on the thread's own stack
  EhGlobals* eh = nullptr;
  ThreadLocals* locals = nullptr;
  SimHooks* sim = nullptr;  // the world whose only worker this is; null in production
  [[no_unique_address]] SanitizerContext sanitizer;

  // Guarded by the scheduler's lock.
  Worker* next_idle = nullptr;
  bool in_idle_list = false;

  // Set, with `processor` and `spinning`, by whoever wakes the worker.
  Futex wake;

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

// The calling worker, if it holds a processor: whose queues and caches the caller may use.
inline Worker* WorkerWithProcessor() {
  Worker* worker = CurrentWorker();
  return worker != nullptr && worker->processor != nullptr ? worker : nullptr;
}

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_WORKER_H_
