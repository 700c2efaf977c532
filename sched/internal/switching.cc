// Leaving a fiber, and making fibers runnable.
#include <utility>

#include "absl/base/attributes.h"
#include "weft/sched/internal/context_switch.h"
#include "weft/sched/internal/held_locks.h"
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

// --- Switching. ---

// Precondition, here and below: the fiber is in no NoPreempt scope. Inlined into each way out of a
// fiber, as most of a switch would else be calls and registers that are saved twice.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void Scheduler::SwitchTo(Worker* worker, Fiber* self,
                                                             Fiber* next, After after) {
  worker->left = self;
  worker->after = after;
  worker->current = next;
  UseStack(worker, next);
  self->eh = *worker->eh;
  *worker->eh = next->eh;
  worker->processor()->RecordRunning(next);
  next->status.store(FiberStatus::kRunning, std::memory_order_relaxed);  // statistic
  SanitizerBeforeSwitch(self->sanitizer, next->sanitizer, after == After::kEnd, Orders(worker));
  weft_switch_context(self->saved_sp(), next->sp.load(std::memory_order_relaxed));
  FinishReturn(self);
}

void Scheduler::SwitchToLoop(Worker* worker, Fiber* self, After after) {
  worker->left = self;
  worker->after = after;
  worker->current = nullptr;
  // The NoPreempt scopes are the fiber's.
  const uint32_t no_preempt = std::exchange(worker->locals->no_preempt, 0);
  UseStack(worker, nullptr);
  self->eh = *worker->eh;
  *worker->eh = EhGlobals{};
  SanitizerBeforeSwitch(self->sanitizer, worker->sanitizer, after == After::kEnd, Orders(worker));
  weft_switch_context(self->saved_sp(), worker->thread_sp);
  CurrentWorker()->locals->no_preempt = no_preempt;
  FinishReturn(self);
}

// On `self`, when it runs again, possibly on another thread.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void Scheduler::FinishReturn(Fiber* self) {
  Worker* worker = CurrentWorker();
  SanitizerAfterSwitch(self->sanitizer);
  FinishLeft(worker);
  worker->LeaveRuntime();
}

void Scheduler::RunFiber(Worker* worker, Fiber* fiber) {
  worker->current = fiber;
  worker->after = After::kNothing;
  UseStack(worker, fiber);
  worker->processor()->RecordRunning(fiber);
  *worker->eh = fiber->eh;
  fiber->status.store(FiberStatus::kRunning, std::memory_order_relaxed);  // statistic
  SanitizerBeforeSwitch(worker->sanitizer, fiber->sanitizer, /*ends=*/false, Orders(worker));
  weft_switch_context(&worker->thread_sp, fiber->sp.load(std::memory_order_relaxed));
  SanitizerAfterSwitch(worker->sanitizer);
  FinishLeft(worker);
}

// The two that are as frequent as switches are, here; the others behind a call.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void Scheduler::FinishLeft(Worker* worker) {
  if (worker->after == After::kPark) {
    Fiber* fiber = worker->left;
    // From a successful Commit() on, the fiber may be running elsewhere.
    if (!fiber->token.Commit()) MakeReadyNext(fiber);
  } else if (worker->after == After::kRotate) {
    // Not before: a dump looks for the saved context then. Relaxed: a statistic.
    worker->left->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);
    worker->processor()->ring.FinishRotate();
  } else {
    FinishSwitch(worker);
  }
}

void Scheduler::FinishSwitch(Worker* worker) {
  Fiber* fiber = worker->left;
  switch (worker->after) {
    case After::kNothing:
      break;
    case After::kPark:
    case After::kRotate:
      FinishLeft(worker);
      break;
    case After::kYield:
      fiber->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);  // statistic
      worker->processor()->SampleYield(fiber);
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

// --- Ways out of a fiber. ---

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void Scheduler::LeavePlain(Worker* worker, Fiber* self,
                                                               After after) {
  if (!worker->EnterRuntime()) [[unlikely]]
    return LeaveAsked(worker, self, after);
  Fiber* next = worker->processor()->PickLocal();
  if (next == nullptr || next->locked_to != nullptr) [[unlikely]] {
    worker->chosen = next;
    return SwitchToLoop(worker, self, after);
  }
  SwitchTo(worker, self, next, after);
}

void Scheduler::Leave(Worker* worker, Fiber* self, After after) {
  // Returns to the caller's scopes, if at all.
  const uint32_t no_preempt = std::exchange(worker->locals->no_preempt, 0);
  LeavePlain(worker, self, after);
  CurrentThreadLocals()->no_preempt = no_preempt;
}

// The worker is a world's, has no processor, or is to look for who is next in the loop.
void Scheduler::LeaveAsked(Worker* worker, Fiber* self, After after) {
  if (worker->sim == nullptr) {
    CheckNotForked();
    return SwitchToLoop(worker, self, after);
  }
  if (after == After::kPark) {
    self->since.store(worker->sim->now_ns, std::memory_order_relaxed);  // a statistic
  }
  Fiber* next = worker->sim->PickNext(self, &after);
  if (next == self) return worker->LeaveRuntime();
  if (next == nullptr) return SwitchToLoop(worker, self, after);
  SwitchTo(worker, self, next, after);
}

void Scheduler::ParkFiber(Worker* worker, Fiber* self, WaitReason reason) {
  // A lock that tells that it is held is such a scope, too.
  if (worker->locals->no_preempt != 0) [[unlikely]]
    return ParkInScope(worker, self, reason);
  if (looks_for_mutexes) [[unlikely]]
    ReportHeldLocks(WaitReasonText(reason));
  // Relaxed: statistics.
  self->wait_reason.store(reason, std::memory_order_relaxed);
  self->since.store(sysmon_.coarse_now(), std::memory_order_relaxed);
  self->status.store(FiberStatus::kWaiting, std::memory_order_relaxed);
  LeavePlain(worker, self, After::kPark);
  self->token.Resume();
}

void Scheduler::ParkInScope(Worker* worker, Fiber* self, WaitReason reason) {
  if (worker->locals->held != nullptr) ReportHeldLocks(WaitReasonText(reason));
  const uint32_t no_preempt = std::exchange(worker->locals->no_preempt, 0);
  ParkFiber(worker, self, reason);
  CurrentThreadLocals()->no_preempt = no_preempt;
}

void Scheduler::Yield(Worker* worker, Fiber* self) {
  if (worker->locals->no_preempt != 0) [[unlikely]]
    return YieldInScope(worker, self);
  if (looks_for_mutexes) [[unlikely]]
    ReportHeldLocks("yield");
  if (!worker->EnterRuntime()) [[unlikely]] {
    return LeaveAsked(worker, self, worker->sim != nullptr ? After::kYield : After::kYieldGlobal);
  }
  Processor* processor = worker->processor();
  if ((processor->NextRound() & processor->round_mask) == 0) [[unlikely]]
    return YieldApart(worker, self, /*round_is_up=*/true);
  // Relaxed: only we fill it.
  if (processor->lifo.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    return YieldApart(worker, self, /*round_is_up=*/false);
  // Go always goes to the back of the global queue; behind the local ones is as far back, and needs
  // no lock.
  Fiber* next;
  const RunRing::Rotation rotation = processor->ring.Rotate(self, &next);
  if (rotation != RunRing::Rotation::kDone) [[unlikely]]
    return YieldOddly(worker, self, rotation);
  processor->TookFromRing();
  if (next->locked_to != nullptr) [[unlikely]] {
    worker->chosen = next;
    return SwitchToLoop(worker, self, After::kRotate);
  }
  SwitchTo(worker, self, next, After::kRotate);
}

// The round is up, or the slot is taken, or the ring empty or full.
void Scheduler::YieldApart(Worker* worker, Fiber* self, bool round_is_up) {
  Processor* processor = worker->processor();
  // Relaxed: hints.
  const bool others_here =
      processor->ring.size() != 0 || processor->lifo.load(std::memory_order_relaxed) != nullptr;
  // With nobody to yield to there is nothing to do but to count the round, at the end of which the
  // scheduler proper looks at timers and at the global queue.
  if (!others_here && !round_is_up && global_size_.load(std::memory_order_relaxed) == 0) {
    return worker->LeaveRuntime();
  }
  const After after = others_here ? After::kYield : After::kYieldGlobal;
  const auto [next, from_slot] =
      round_is_up ? LocalFiber{} : TakeLocal(processor->lifo, processor->ring);
  if (next != nullptr && !from_slot) processor->TookFromRing();
  if (next == nullptr || next->locked_to != nullptr) {
    worker->chosen = next;
    return SwitchToLoop(worker, self, after);
  }
  SwitchTo(worker, self, next, after);
}

void Scheduler::YieldOddly(Worker* worker, Fiber* self, RunRing::Rotation rotation) {
  switch (rotation) {
    case RunRing::Rotation::kDone:
    case RunRing::Rotation::kUnsuitable:
      return YieldApart(worker, self, /*round_is_up=*/false);
    case RunRing::Rotation::kAlone:
      return worker->LeaveRuntime();
    case RunRing::Rotation::kStolen:
      return SwitchToLoop(worker, self, After::kRotate);
  }
}

void Scheduler::YieldInScope(Worker* worker, Fiber* self) {
  if (worker->locals->held != nullptr) ReportHeldLocks("yield");
  const uint32_t no_preempt = std::exchange(worker->locals->no_preempt, 0);
  Yield(worker, self);
  CurrentThreadLocals()->no_preempt = no_preempt;
}

// --- Making fibers runnable. ---

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

// Nobody is woken for the slot: the caller is likely to park soon, and waking costs as much as a
// thousand switches. Should it not park, sysmon gets help, and here nobody waits for that again.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void Scheduler::PushNext(Worker* worker, Fiber* fiber) {
  if (Fiber* displaced = worker->processor()->PutLifo(fiber)) {
    PushLocal(worker, displaced);
  } else if (wakers_go_on()) [[unlikely]] {
    WakeIfIdle();
  }
}

void Scheduler::MakeReadyNext(Fiber* fiber) { MakeReady(fiber, /*next=*/true); }
void Scheduler::MakeReadyLast(Fiber* fiber) { MakeReady(fiber, /*next=*/false); }

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void Scheduler::MakeReady(Fiber* fiber, bool next) {
  fiber->status.store(FiberStatus::kRunnable, std::memory_order_relaxed);  // statistic
  fiber->since.store(0, std::memory_order_relaxed);                        // published by the queue
  const race::Ignore ignore;
  if (fiber->bubble != 0) [[unlikely]]
    return SimMakeReady(fiber);
  Worker* worker = CurrentWorker();
  if (worker == nullptr) [[unlikely]]
    return MakeReadyFromOutside(fiber);
  const bool was_in_user_code = worker->in_user_code.load(std::memory_order_relaxed);  // owner-only
  worker->EnterRuntime();
  if (Processor* processor = worker->processor()) [[likely]] {
    processor->SampleReady(fiber);
    if (next) {
      PushNext(worker, fiber);
    } else {
      PushLocal(worker, fiber);
    }
  } else {
    MakeReadyFromOutside(fiber);
  }
  if (was_in_user_code) worker->LeaveRuntime();
}

}  // namespace weft::sched_internal
