// Leaving a fiber, and making fibers runnable.
#include <utility>

#include "weft/sched/internal/context_switch.h"
#include "weft/sched/internal/futex.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/internal/thread_local.h"

namespace weft::sched_internal {

namespace {

// What __morestack and the prologues look at belongs to `fiber` from now on; null: to the thread's
// own stack, where nothing grows. A signal handler that runs before the stack pointer follows finds
// itself outside of that stack, and leaves it alone.
inline void UseStack(Worker* worker, Fiber* fiber) {
  worker->locals->stack = fiber != nullptr ? &fiber->stack : nullptr;
  SetGuardWord(fiber != nullptr ? fiber->stack.guard : nullptr);
}

// To the race detector: whether a switch on `worker` orders.
inline bool Orders(const Worker* worker) {
  return worker->sim != nullptr && worker->sim->orders_fibers;
}

}  // namespace

void Scheduler::Leave(Worker* worker, Fiber* self, After after) {
  worker->EnterRuntime();
  if (worker->sim != nullptr) [[unlikely]] {
    Fiber* next = worker->sim->PickNext(self, &after);
    if (next == self) return worker->LeaveRuntime();
    return SwitchFromFiber(worker, self, next, after);
  }
  // Relaxed: a request. A worker that has no processor has this set.
  if (worker->interrupt.load(std::memory_order_relaxed)) [[unlikely]] {
    SwitchToLoop(worker, self, after);
    return;
  }
  Fiber* next = worker->processor()->PickLocal();
  if (next != nullptr && next->locked_to != nullptr) [[unlikely]] {
    worker->chosen = std::exchange(next, nullptr);
  }
  SwitchFromFiber(worker, self, next, after);
}

void Scheduler::Yield(Worker* worker, Fiber* self) {
  if (worker->sim != nullptr) [[unlikely]]
    return Leave(worker, self, After::kYield);
  worker->EnterRuntime();
  // Relaxed: a request.
  if (worker->interrupt.load(std::memory_order_relaxed)) [[unlikely]] {
    SwitchToLoop(worker, self, After::kYieldGlobal);
    return;
  }
  Processor* processor = worker->processor();
  // Relaxed: hints.
  const bool others_here =
      processor->ring.size() != 0 || processor->lifo.load(std::memory_order_relaxed) != nullptr;
  const bool others_global = global_size_.load(std::memory_order_relaxed) != 0;
  // With nobody to yield to there is nothing to do but to count the round, at the end of which the
  // scheduler proper looks at timers and at the global queue.
  if (!others_here && !others_global && (processor->NextRound() & processor->round_mask) != 0) {
    worker->LeaveRuntime();
    return;
  }
  // Go always goes to the back of the global queue; behind the local ones is as far back, and needs
  // no lock.
  Leave(worker, self, others_here ? After::kYield : After::kYieldGlobal);
}

void Scheduler::SwitchToLoop(Worker* worker, Fiber* self, After after) {
  CheckNotForked();
  SwitchFromFiber(worker, self, nullptr, after);
}

// `next` null: to the scheduler loop.
void Scheduler::SwitchFromFiber(Worker* worker, Fiber* self, Fiber* next, After after) {
  worker->left = self;
  worker->after = after;
  worker->current = next;
  // The NoPreempt scopes are the fiber's.
  const uint32_t no_preempt = worker->locals->no_preempt;
  if (no_preempt != 0) [[unlikely]]
    worker->locals->no_preempt = 0;
  UseStack(worker, next);
  self->eh = *worker->eh;
  if (next != nullptr) {
    *worker->eh = next->eh;
    worker->processor()->RecordRunning(next);
    next->status.store(FiberStatus::kRunning, std::memory_order_relaxed);  // statistic
    SanitizerBeforeSwitch(self->sanitizer, next->sanitizer, after == After::kEnd, Orders(worker));
    weft_switch_context(self->saved_sp(), next->sp.load(std::memory_order_relaxed));
  } else {
    *worker->eh = EhGlobals{};
    SanitizerBeforeSwitch(self->sanitizer, worker->sanitizer, after == After::kEnd, Orders(worker));
    weft_switch_context(self->saved_sp(), worker->thread_sp);
  }
  // Possibly on another thread.
  worker = CurrentWorker();
  if (no_preempt != 0) [[unlikely]]
    worker->locals->no_preempt = no_preempt;
  SanitizerAfterSwitch(self->sanitizer);
  FinishSwitch(worker);
  worker->LeaveRuntime();
}

void Scheduler::RunFiber(Worker* worker, Fiber* fiber) {
  worker->current = fiber;
  worker->left = nullptr;
  UseStack(worker, fiber);
  worker->processor()->RecordRunning(fiber);
  *worker->eh = fiber->eh;
  fiber->status.store(FiberStatus::kRunning, std::memory_order_relaxed);  // statistic
  SanitizerBeforeSwitch(worker->sanitizer, fiber->sanitizer, /*ends=*/false, Orders(worker));
  weft_switch_context(&worker->thread_sp, fiber->sp.load(std::memory_order_relaxed));
  SanitizerAfterSwitch(worker->sanitizer);
  FinishSwitch(worker);
}

void Scheduler::FinishSwitch(Worker* worker) {
  Fiber* fiber = std::exchange(worker->left, nullptr);
  if (fiber == nullptr) return;
  switch (worker->after) {
    case After::kNothing:
      break;
    case After::kPark:
      // From a successful Commit() on, the fiber may be running elsewhere.
      if (!fiber->token.Commit()) MakeReadyNext(fiber);
      break;
    case After::kYield:
      fiber->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);  // statistic
      worker->processor()->SampleReady(fiber);
      PushLocal(worker, fiber);
      break;
    case After::kYieldGlobal:
      fiber->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);  // statistic
      if (worker->processor() != nullptr) worker->processor()->SampleReady(fiber);
      PushGlobal(&fiber, 1);
      break;
    case After::kEnd: {
      fiber->sanitizer.DestroyForFiber();
      race::Forget(fiber->stack_low(), fiber->stack_bytes() + sizeof(Fiber));
      const race::Ignore ignore;
      ReturnFiber(worker, fiber);
      break;
    }
  }
}

// By somebody without a processor.
void Scheduler::MakeReadyFromOutside(Fiber* fiber) {
  EnsureStarted();
  // Relaxed: a counter that decides whose wait is measured.
  const uint32_t count = ready_by_threads_.fetch_add(1, std::memory_order_relaxed);
  if ((count & Processor::kSampleMask) == 0) {
    fiber->since.store(MonotonicNanos(), std::memory_order_relaxed);  // published by the queue
  }
  PushGlobal(&fiber, 1);
}

void Processor::RecordLatency(Fiber* fiber, int64_t since_ns) {
  latencies.Record(MonotonicNanos() - since_ns);
  fiber->since.store(0, std::memory_order_relaxed);  // ordered by the queues
}

void Scheduler::MakeReadyNext(Fiber* fiber) {
  fiber->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);  // statistic
  fiber->since.store(0, std::memory_order_relaxed);                        // published by the queue
  const race::Ignore ignore;
  if (fiber->bubble != 0) [[unlikely]]
    return SimMakeReady(fiber);
  const PinProcessor pin;
  Worker* worker = pin.worker();
  if (worker == nullptr) return MakeReadyFromOutside(fiber);
  worker->processor()->SampleReady(fiber);
  // Nobody is woken for the slot: the caller is likely to park soon, and waking costs as much as a
  // thousand switches. Should it not park, sysmon gets help, and here nobody waits for that again.
  if (Fiber* displaced = worker->processor()->PutLifo(fiber)) {
    PushLocal(worker, displaced);
  } else if (wakers_go_on()) [[unlikely]] {
    WakeIfIdle();
  }
}

void Scheduler::MakeReadyLast(Fiber* fiber) {
  fiber->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);  // statistic
  fiber->since.store(0, std::memory_order_relaxed);                        // published by the queue
  const race::Ignore ignore;
  if (fiber->bubble != 0) [[unlikely]]
    return SimMakeReady(fiber);
  const PinProcessor pin;
  Worker* worker = pin.worker();
  if (worker == nullptr) return MakeReadyFromOutside(fiber);
  worker->processor()->SampleReady(fiber);
  PushLocal(worker, fiber);
}

}  // namespace weft::sched_internal
