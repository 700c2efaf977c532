// A worker that does not come back to the scheduler loses its processor; a fiber that is locked to
// a thread takes one there.
//
// Losing it: the fiber goes on, on its own thread, with no processor. What it makes ready goes to
// the global queue. At its next safe point, or when it parks, it has to get a processor like
// everybody else. It is never moved to another thread from where it was. Who gets the processor is
// in handoff.h.
#include "weft/sched/internal/handoff.h"

#include <signal.h>

#include <utility>

#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/segments.h"

namespace weft::sched_internal {

template class HandOff<Scheduler, Worker, Processor, GlobalQueue>;

bool Scheduler::MayStartThread() const {
  // Relaxed: a count and a setting.
  return runtime_threads_.load(std::memory_order_relaxed) <
         max_threads_.load(std::memory_order_relaxed);
}

void Scheduler::AskToLeave(Worker* worker) {
  worker->locals->preempt.store(1, std::memory_order_relaxed);  // a request
  PoisonGuard(worker->locals);                                  // rings at the next prologue
}

void Scheduler::AskedToLeave(Worker* worker) {
  worker->locals->preempt.store(0, std::memory_order_relaxed);  // a request
}

void Scheduler::StopThread(Worker* worker) {
  // Relaxed: a setting.
  if (strict_.load(std::memory_order_relaxed)) pthread_kill(worker->thread, SIGURG);
}

void Scheduler::Preempt(Worker* worker, Fiber* self) {
  if (TryGoOn(worker)) return;
  CheckNotForked();
  SwitchToLoop(worker, self, After::kYieldGlobal);
}

void Scheduler::EndBlocking(Worker* worker, Fiber* self) {
  if (ReturnFromBlocking(worker)) return;
  CheckNotForked();
  SwitchToLoop(worker, self, After::kYieldGlobal);
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

// Another thread may be started in its place. To the deadlock report it is one that sleeps; never
// counted twice, or somebody who acts could be taken for it.
void Scheduler::ThreadEnds(Worker* worker) {
  {
    SpinLockHolder hold(lock_);
    Worker** link = &all_workers_;
    while (*link != nullptr && *link != worker) link = &(*link)->next_worker;
    if (*link != nullptr) *link = worker->next_worker;
  }
  pthread_detach(pthread_self());
  runtime_threads_.fetch_sub(1, std::memory_order_relaxed);  // a count
  CountParkedThread(1);
}

void Scheduler::ThreadHasEnded(Worker* worker) {
  CountParkedThread(-1);
  worker->locals->worker = nullptr;
  worker->ends_with_fiber = false;
  SpinLockHolder hold(lock_);
  // Kept: sysmon may just be looking at it.
  worker->next_worker = std::exchange(ended_workers_, worker);
}

}  // namespace weft::sched_internal
