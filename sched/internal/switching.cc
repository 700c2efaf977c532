// Leaving a fiber, and making fibers runnable.
#include <utility>

#include "weft/sched/internal/context_switch.h"
#include "weft/sched/internal/futex.h"
#include "weft/sched/internal/scheduler.h"

namespace weft::sched_internal {

void Scheduler::Leave(Worker* worker, Fiber* self, After after) {
  SwitchFromFiber(worker, self, worker->processor->PickLocal(), after);
}

void Scheduler::Yield(Worker* worker, Fiber* self) {
  Processor* processor = worker->processor;
  // Relaxed: hints. With nobody to yield to there is nothing to do but to count the round, at the end of which the
  // scheduler proper looks at timers and at the global queue.
  const bool alone = processor->ring.size() == 0 &&
                     processor->lifo.load(std::memory_order_relaxed) == nullptr &&
                     global_size_.load(std::memory_order_relaxed) == 0;
  if (alone && !processor->attention.load(std::memory_order_relaxed) &&
      (processor->NextRound() & processor->round_mask) != 0) {
    return;
  }
  Leave(worker, self, After::kYield);
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
    weft_switch_context(&self->sp, next->sp);
  } else {
    *worker->eh = EhGlobals{};
    SanitizerBeforeSwitch(self->sanitizer, worker->sanitizer, after == After::kEnd);
    weft_switch_context(&self->sp, worker->thread_sp);
  }
  // Possibly on another thread.
  worker = CurrentWorker();
  SanitizerAfterSwitch(self->sanitizer);
  FinishSwitch(worker);
}

void Scheduler::RunFiber(Worker* worker, Fiber* fiber) {
  worker->current = fiber;
  worker->left = nullptr;
  *worker->eh = fiber->eh;
  fiber->status.store(FiberStatus::kRunning, std::memory_order_relaxed);  // statistic
  SanitizerBeforeSwitch(worker->sanitizer, fiber->sanitizer, /*ends=*/false);
  weft_switch_context(&worker->thread_sp, fiber->sp);
  SanitizerAfterSwitch(worker->sanitizer);
  FinishSwitch(worker);
}

void Scheduler::FinishSwitch(Worker* worker) {
  Fiber* fiber = std::exchange(worker->left, nullptr);
  if (fiber == nullptr) return;
  switch (worker->after) {
    case After::kNothing: break;
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
      PushGlobal(fiber, fiber, 1);
      break;
    case After::kEnd:
      fiber->sanitizer.DestroyForFiber();
      ReturnFiber(worker, fiber);
      break;
  }
}

void Scheduler::MakeReadyNext(Fiber* fiber) {
  fiber->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);  // statistic
  Worker* worker = CurrentWorker();
  if (worker == nullptr || worker->processor == nullptr) {
    EnsureStarted();
    PushGlobal(fiber, fiber, 1);
    return;
  }
  // Nobody is woken for the slot: the caller is likely to park soon, and waking costs as much as a thousand
  // switches. Should it not park, sysmon gets help.
  if (Fiber* displaced = worker->processor->PutLifo(fiber)) PushLocal(worker, displaced);
}

void Scheduler::MakeReadyLast(Fiber* fiber) {
  fiber->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);  // statistic
  Worker* worker = CurrentWorker();
  if (worker == nullptr || worker->processor == nullptr) {
    EnsureStarted();
    PushGlobal(fiber, fiber, 1);
    return;
  }
  PushLocal(worker, fiber);
}

void Scheduler::PushLocal(Worker* worker, Fiber* fiber) {
  if (!worker->processor->ring.Push(fiber)) [[unlikely]] {
    PushOverflow(worker, fiber);
    return;
  }
  WakeIfIdle();
}

void Scheduler::PushOverflow(Worker* worker, Fiber* fiber) {
  Fiber* half[RunRing::kCapacity / 2];
  const uint32_t count = worker->processor->ring.PopHalf(half);
  if (count == 0) {
    // A thief has just made room.
    PushLocal(worker, fiber);
    return;
  }
  for (uint32_t i = 0; i + 1 < count; ++i) half[i]->next = half[i + 1];
  half[count - 1]->next = fiber;
  PushGlobal(half[0], fiber, static_cast<int>(count) + 1);
}

void Scheduler::PushGlobal(Fiber* first, Fiber* last, int count) {
  last->next = nullptr;
  {
    SpinLockHolder hold(lock_);
    if (global_tail_ == nullptr) {
      global_head_ = first;
    } else {
      global_tail_->next = first;
    }
    global_tail_ = last;
    // ORDER(global.size): seq_cst; pairs with the load in AnyWork().
    global_size_.store(global_size_.load(std::memory_order_relaxed) + count,
                       std::memory_order_seq_cst);
  }
  WakeIfIdle();
}

}  // namespace weft::sched_internal
