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
#include "weft/sched/internal/spin_lock.h"
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

// A processor can be taken from a worker that does not come back to the scheduler: its fiber is in
// a BlockingRegion, or runs on and on (handoff.cc). Only while the worker executes code that is not
// the runtime's: `in_user_code` says so. Whoever takes, writes `interrupt`, has every thread of the
// process execute a memory barrier, and only then reads `in_user_code`; the worker clears
// `in_user_code` and then reads `interrupt`, with no barrier of its own. So one of the two sees the
// other.
//
// Everything is touched by the worker's own thread only, except where it says otherwise.
struct alignas(kCacheLinePair) Worker {
  Fiber* current = nullptr;  // null: on the thread's own stack
  Fiber* left = nullptr;     // to be dealt with by FinishSwitch()
  After after = After::kNothing;
  bool spinning = false;
  bool ends_with_fiber = false;  // its locked fiber has ended, so the thread ends
  // Written by the worker. Read by whoever takes the processor. True: the runtime's own data are
  // not being touched on behalf of this worker.
  Atom<bool> in_user_code{false};
  // Written by anybody: the next entry to the runtime must take the slow path. Reset by the worker
  // when it enters the scheduler proper.
  Atom<bool> interrupt{false};
  // Odd: in a BlockingRegion. Written by the worker; a statistic to sysmon.
  Atom<uint32_t> blocking{0};
  uint32_t random = 1;
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

  // Held while somebody tries to take the processor.
  SpinLock handoff;
  // The processor was taken, and the worker has not been in the scheduler since. Ordered by
  // handoff.
  bool detached = false;
  // Likewise, and for running on, not for a blocking call. Ordered by handoff.
  bool displaced = false;

  // Guarded by the scheduler's lock.
  Worker* next_idle = nullptr;
  bool in_idle_list = false;

  // Set, with `processor` and `spinning`, by whoever wakes the worker.
  Futex wake;

  int id = 0;  // constant
  pthread_t thread{};
  Worker* next_worker = nullptr;  // list of all; guarded by the scheduler's lock

  // Null: holds none. Written by the worker in the runtime, by whoever wakes it, and by whoever
  // takes the processor from it.
  Processor* processor() const {
    return processor_.load(std::memory_order_relaxed);  // ordered by in_user_code, wake and handoff
  }
  void set_processor(Processor* processor) {
    processor_.store(processor, std::memory_order_relaxed);  // as above
  }

  // From code that is not the runtime's into the runtime. What the caller then finds in processor()
  // is the caller's until LeaveRuntime(), or until it enters the scheduler.
  void EnterRuntime() {
    // ORDER(worker.user): relaxed; the other side's barrier puts this store before the load below.
    in_user_code.store(false, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    // ORDER(worker.user): relaxed; see above.
    if (interrupt.load(std::memory_order_relaxed)) [[unlikely]] {
      // Whoever tries to take the processor just now decides before we go on.
      handoff.lock();
      handoff.unlock();
    }
  }

  void LeaveRuntime() {
    // ORDER(worker.user): release; pairs with the acquire in TakeProcessor(). Publishes what was
    // done to the processor.
    in_user_code.store(true, std::memory_order_release);
  }

  uint32_t Random() {
    random ^= random << 13;
    random ^= random >> 17;
    random ^= random << 5;
    return random;
  }

 private:
  Atom<Processor*> processor_{nullptr};
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
