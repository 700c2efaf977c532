// A worker that does not come back to the scheduler loses its processor; a fiber that is locked to
// a thread takes one there.
//
// Losing it: the fiber goes on, on its own thread, with no processor. What it makes ready goes to
// the global queue. At its next safe point, or when it parks, it has to get a processor like
// everybody else. It is never moved to another thread from where it was.
#include <signal.h>

#include <limits>
#include <utility>

#include "weft/sched/internal/process_barrier.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/segments.h"

namespace weft::sched_internal {

bool Scheduler::IsNeeded(Processor* processor) const {
  // Relaxed: hints, looked at again every tick.
  if (processor->ring.size() != 0) return true;
  if (processor->lifo.load(std::memory_order_relaxed) != nullptr) return true;
  if (global_size_.load(std::memory_order_relaxed) != 0) return true;
  return processor->id >= processors() || NextTimerFor(*processor) <= MonotonicNanos();
}

bool Scheduler::TakeProcessor(Processor* processor, Observed seen) {
  // ORDER(processor.holder): acquire; pairs with the release in Hold().
  Worker* worker = processor->holder.load(std::memory_order_acquire);
  if (worker == nullptr) return false;
  const bool blocking = seen.blocking % 2 == 1;
  {
    SpinLockHolder hold(lock_);
    const bool thread_at_hand = idle_workers_ != nullptr;
    // Relaxed: a count and a setting. For a blocking call the limit is fatal, as in Go.
    if (!blocking && !thread_at_hand &&
        runtime_threads_.load(std::memory_order_relaxed) >=
            max_threads_.load(std::memory_order_relaxed)) {
      return false;
    }
  }
  {
    SpinLockHolder hold(worker->handoff);
    // ORDER(processor.holder): acquire; as above. A worker whose thread ends drops it under the
    // lock.
    if (processor->holder.load(std::memory_order_acquire) != worker) return false;
    worker->interrupt.store(true, std::memory_order_relaxed);     // ordered by the barrier
    worker->locals->preempt.store(1, std::memory_order_relaxed);  // a request
    PoisonGuard(worker->locals);
    ProcessBarrier();
    // ORDER(worker.user): acquire; pairs with the release in LeaveRuntime(). True: the worker is
    // not in the runtime, and on its next way in it will see `interrupt`, and wait for us.
    if (!worker->in_user_code.load(std::memory_order_acquire)) return false;
    // Relaxed: written by the worker in the runtime.
    if (worker->processor() != processor ||
        processor->time_slice.load(std::memory_order_relaxed) != seen.time_slice ||
        worker->blocking.load(std::memory_order_relaxed) != seen.blocking) {
      return false;
    }
    Drop(worker);
    worker->detached = true;
    worker->displaced = !blocking;
    if (!blocking) displaced_.fetch_add(1, std::memory_order_relaxed);  // a statistic
    // ORDER(sched.detached): seq_cst, as all writes of the count.
    detached_.fetch_add(1, std::memory_order_seq_cst);
  }
  GiveAway(processor);
  // Relaxed: a setting.
  if (!blocking && strict_.load(std::memory_order_relaxed)) pthread_kill(worker->thread, SIGURG);
  return true;
}

void Scheduler::GiveAway(Processor* processor) {
  if (processor->id >= processors()) RetireProcessor(processor);
  // With a timer it needs somebody who sleeps until then.
  const bool needed = IsNeeded(processor) || NextTimerFor(*processor) != TimerQueue::kNever;
  Worker* worker = nullptr;
  bool idle = false;
  {
    SpinLockHolder hold(lock_);
    if (processor->id >= processors()) {
      processor->state = ProcessorState::kRetired;
      idle = true;
    } else if (!needed) {
      AddIdleProcessor(processor);
      idle = true;
    } else if (idle_workers_ != nullptr) {
      worker = idle_workers_;
      UnlistIdleWorker(worker);
      Hold(worker, processor);
    }
  }
  if (worker != nullptr) {
    worker->wake.Set();
  } else if (!idle) {
    SpawnWorker(processor, /*spinning=*/false);
  } else if (AnyWork()) {
    WakeIfIdle();
  }
}

void Scheduler::ResetRequests(Worker* worker) {
  if (!worker->interrupt.load(std::memory_order_relaxed)) return;  // a request
  {
    SpinLockHolder hold(worker->handoff);
    worker->interrupt.store(false, std::memory_order_relaxed);    // a request
    worker->locals->preempt.store(0, std::memory_order_relaxed);  // likewise
  }
  // The fiber has parked inside its region; whoever runs here now is in none.
  const uint32_t blocking = worker->blocking.load(std::memory_order_relaxed);  // owner-only
  if (blocking % 2 == 1) worker->blocking.store(blocking + 1, std::memory_order_relaxed);
  if (std::exchange(worker->detached, false)) {
    // ORDER(sched.detached): seq_cst; pairs with the load in Asleep().
    detached_.fetch_sub(1, std::memory_order_seq_cst);
    // Relaxed: a statistic.
    if (std::exchange(worker->displaced, false)) displaced_.fetch_sub(1, std::memory_order_relaxed);
  }
}

bool Scheduler::Regain(Worker* worker) {
  CheckNotForked();
  {
    SpinLockHolder hold(lock_);
    Processor* processor = TakeIdleProcessor();
    if (processor == nullptr) return false;
    Hold(worker, processor);
  }
  ResetRequests(worker);
  sysmon_.WakeIfAsleep();
  return true;
}

void Scheduler::Preempt(Worker* worker, Fiber* self) {
  worker->EnterRuntime();
  if (worker->processor() == nullptr && Regain(worker)) {
    worker->LeaveRuntime();
    return;
  }
  SwitchToLoop(worker, self, After::kYieldGlobal);
}

void Scheduler::EndBlocking(Worker* worker, Fiber* self) {
  worker->EnterRuntime();
  // Owner-only. Even: the fiber has parked inside its region.
  const uint32_t blocking = worker->blocking.load(std::memory_order_relaxed);
  if (blocking % 2 == 1) worker->blocking.store(blocking + 1, std::memory_order_relaxed);
  if (worker->processor() == nullptr && !Regain(worker)) {
    SwitchToLoop(worker, self, After::kYieldGlobal);
    return;
  }
  worker->LeaveRuntime();
}

void Scheduler::LockToThread(Worker* worker, Fiber* self) {
  worker->locked_fiber = self;
  self->locked_to = worker;
  // From now on it leaves through the scheduler proper.
  worker->interrupt.store(true, std::memory_order_relaxed);  // read by the same thread
}

void Scheduler::UnlockFromThread(Worker* worker, Fiber* self) {
  worker->locked_fiber = nullptr;
  self->locked_to = nullptr;
}

void Scheduler::EndWithFiber(Worker* worker, Fiber* self) {
  UnlockFromThread(worker, self);
  self->lock_depth = 0;
  worker->ends_with_fiber = true;
  worker->interrupt.store(true, std::memory_order_relaxed);  // read by the same thread
}

Fiber* Scheduler::LeaveToOthers(Worker* worker) {
  if (Processor* processor = worker->processor()) {
    Drop(worker);
    GiveAway(processor);
  }
  ReportIfAllAsleep();
  return AwaitTurn(worker);
}

Fiber* Scheduler::AwaitTurn(Worker* worker) {
  worker->turn.Wait(std::numeric_limits<int64_t>::max());
  worker->turn.Reset();
  Hold(worker, std::exchange(worker->granted, nullptr));
  worker->interrupt.store(true, std::memory_order_relaxed);  // as in LockToThread()
  return worker->locked_fiber;
}

void Scheduler::GrantTurn(Worker* worker, Fiber* fiber) {
  Processor* processor = worker->processor();
  Drop(worker);
  fiber->locked_to->granted = processor;
  fiber->locked_to->turn.Set();
}

void Scheduler::StopUntilGranted(Worker* worker, Fiber* self) {
  worker->EnterRuntime();
  if (worker->processor() == nullptr) {
    ResetRequests(worker);
    const bool locked = worker->locked_fiber != nullptr;
    if (!locked) LockToThread(worker, self);
    {
      // Nobody is woken: that may need memory, and the signal may have come in malloc(). Whoever
      // holds a processor finds it, or sysmon sees it wait.
      SpinLockHolder hold(lock_);
      global_.Push(&self, 1);
      // ORDER(global.size): seq_cst; pairs with the load in AnyWork().
      global_size_.store(global_.size(), std::memory_order_seq_cst);
    }
    sysmon_.WakeIfAsleep();
    AwaitTurn(worker);
    if (!locked) UnlockFromThread(worker, self);
  }
  worker->LeaveRuntime();
}

void Scheduler::EndWorker(Worker* worker) {
  Processor* processor = worker->processor();
  if (processor != nullptr) {
    SpinLockHolder hold(worker->handoff);
    Drop(worker);
  }
  {
    SpinLockHolder hold(lock_);
    Worker** link = &all_workers_;
    while (*link != nullptr && *link != worker) link = &(*link)->next_worker;
    if (*link != nullptr) *link = worker->next_worker;
  }
  pthread_detach(pthread_self());
  runtime_threads_.fetch_sub(1, std::memory_order_relaxed);  // a count
  if (processor != nullptr) GiveAway(processor);
  worker->locals->worker = nullptr;
  worker->ends_with_fiber = false;
  SpinLockHolder hold(lock_);
  // Kept: sysmon may just be looking at it.
  worker->next_worker = std::exchange(ended_workers_, worker);
}

}  // namespace weft::sched_internal
