// Leaving a fiber, and making fibers runnable.
#include <utility>

#include "weft/sched/internal/context_switch.h"
#include "weft/sched/internal/futex.h"
#include "weft/sched/internal/scheduler.h"

namespace weft::sched_internal {

void Scheduler::Leave(Worker* worker, Fiber* self, After after) {
  worker->EnterRuntime();
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
  // A decision like any other: the global queue must not come first for ever.
  if (Processor* processor = worker->processor()) processor->NextRound();
  SwitchFromFiber(worker, self, nullptr, after);
}

// `next` null: to the scheduler loop.
void Scheduler::SwitchFromFiber(Worker* worker, Fiber* self, Fiber* next, After after) {
  worker->left = self;
  worker->after = after;
  worker->current = next;
  self->eh = *worker->eh;
  if (next != nullptr) {
    *worker->eh = next->eh;
    next->status.store(FiberStatus::kRunning, std::memory_order_relaxed);  // statistic
    SanitizerBeforeSwitch(self->sanitizer, next->sanitizer, after == After::kEnd);
    weft_switch_context(self->saved_sp(), next->sp.load(std::memory_order_relaxed));
  } else {
    *worker->eh = EhGlobals{};
    SanitizerBeforeSwitch(self->sanitizer, worker->sanitizer, after == After::kEnd);
    weft_switch_context(self->saved_sp(), worker->thread_sp);
  }
  // Possibly on another thread.
  worker = CurrentWorker();
  SanitizerAfterSwitch(self->sanitizer);
  FinishSwitch(worker);
  worker->LeaveRuntime();
}

void Scheduler::RunFiber(Worker* worker, Fiber* fiber) {
  worker->current = fiber;
  worker->left = nullptr;
  *worker->eh = fiber->eh;
  fiber->status.store(FiberStatus::kRunning, std::memory_order_relaxed);  // statistic
  SanitizerBeforeSwitch(worker->sanitizer, fiber->sanitizer, /*ends=*/false);
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
      PushLocal(worker, fiber);
      break;
    case After::kYieldGlobal:
      fiber->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);  // statistic
      PushGlobal(&fiber, 1);
      break;
    case After::kEnd:
      fiber->sanitizer.DestroyForFiber();
      ReturnFiber(worker, fiber);
      break;
  }
}

void Scheduler::MakeReadyNext(Fiber* fiber) {
  fiber->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);  // statistic
  const PinProcessor pin;
  Worker* worker = pin.worker();
  if (worker == nullptr) {
    EnsureStarted();
    PushGlobal(&fiber, 1);
    return;
  }
  // Nobody is woken for the slot: the caller is likely to park soon, and waking costs as much as a
  // thousand switches. Should it not park, sysmon gets help.
  if (Fiber* displaced = worker->processor()->PutLifo(fiber)) PushLocal(worker, displaced);
}

void Scheduler::MakeReadyLast(Fiber* fiber) {
  fiber->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);  // statistic
  const PinProcessor pin;
  Worker* worker = pin.worker();
  if (worker == nullptr) {
    EnsureStarted();
    PushGlobal(&fiber, 1);
    return;
  }
  PushLocal(worker, fiber);
}

void Scheduler::PushLocal(Worker* worker, Fiber* fiber) {
  if (!worker->processor()->ring.Push(fiber)) [[unlikely]] {
    PushOverflow(worker, fiber);
    return;
  }
  WakeIfIdle();
}

void Scheduler::PushOverflow(Worker* worker, Fiber* fiber) {
  constexpr uint32_t kHalf = RunRing::kCapacity / 2;
  Fiber* batch[kHalf + 1];
  const uint32_t count = worker->processor()->ring.PopHalf(batch);
  if (count == 0) {
    // A thief has just made room.
    PushLocal(worker, fiber);
    return;
  }
  batch[count] = fiber;
  PushGlobal(batch, static_cast<int>(count) + 1);
}

void Scheduler::PushGlobal(Fiber* const* fibers, int count) {
  {
    SpinLockHolder hold(lock_);
    global_.Push(fibers, count);
    // ORDER(global.size): seq_cst; pairs with the load in AnyWork().
    global_size_.store(global_.size(), std::memory_order_seq_cst);
  }
  WakeIfIdle();
}

}  // namespace weft::sched_internal
