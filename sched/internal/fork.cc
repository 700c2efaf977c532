#include "weft/sched/internal/fork.h"

#include <pthread.h>

#include <new>

#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/stack_arena.h"
#include "weft/sched/internal/terminate.h"
#include "weft/sched/internal/worker.h"
#include "weft/sched/panic.h"

namespace weft::sched_internal {
namespace {

void InChild() {
  StackArena::Instance().UnlockAll();
  Scheduler::Instance().AfterFork();
}

}  // namespace

void InstallForkHandlers() {
  static const bool installed = [] {
    // What the child runs until exec() may need another stack segment.
    return pthread_atfork([] { StackArena::Instance().LockAll(); },
                          [] { StackArena::Instance().UnlockAll(); }, &InChild) == 0;
  }();
  (void)installed;
}

void Scheduler::AfterFork() {
  // Not running: the child may start it.
  if (!started()) return;
  // Relaxed, all of it: there is no other thread.
  forked_.store(true, std::memory_order_relaxed);
  started_.store(false, std::memory_order_relaxed);
  ForgetDeath();
  // Others may have held them, who do not exist here.
  ::new (&lock_) SpinLock;
  Worker* worker = CurrentWorker();
  if (worker == nullptr || worker->sim != nullptr) return;
  ::new (&worker->handoff) SpinLock;
  // The next operation of the runtime takes the slow path, which fails. Prologues must not.
  worker->interrupt.store(true, std::memory_order_relaxed);
  worker->locals->preempt.store(1, std::memory_order_relaxed);
  if (worker->current != nullptr) SetGuardWord(worker->current->stack.guard);
}

void Scheduler::FailAfterFork() {
  Fatal(
      "the runtime was used in the child of a fork(), where its threads do not exist: call exec() "
      "or _exit() there, or fork() before the runtime starts or after Shutdown()");
}

}  // namespace weft::sched_internal
