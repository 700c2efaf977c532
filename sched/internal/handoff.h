// How a processor changes hands when its holder does not come back to the scheduler, and who gets
// it then.
//
// A class template, so that the model explorer runs the scheduler's own code (handoff_programs.h);
// the Scheduler derives from it. The protocol and its proof are in ../DESIGN.md, "Taking a
// processor".
//
//   sysmon      TakeProcessor(): only while the worker is in user code (runtime_gate.h); then
//               GiveAway().
//   the worker  goes on with its fiber, without processor. Its next way into the runtime:
//               TryGoOn(), ReturnFromBlocking(), or the loop, which begins with ResetRequests().
//
// A processor is always one of
//   held        its `holder` is a worker; only that one touches what is the holder's.
//   under way   nobody is its holder, kHeld: between two holders, or between one and the idle list.
//               It belongs to the thread that gives it away, or to the worker that is being
//               started, or that it was granted.
//   idle        in the list.
//   retired     beyond GOMAXPROCS, and empty but for its timers.
//
// Host is the class that derives, and has, besides what IdleWorkers asks for,
//   void CheckNotForked() const; bool MayStartThread() const;
//   int64_t NextTimerFor(const Processor&) const;   that the holder of a processor serves
//   void AskToLeave(Worker*);                       by whatever reaches the fiber
//   void AskedToLeave(Worker*);                     takes that back
//   void StopThread(Worker*);                       with strict GOMAXPROCS: see StopUntilGranted()
//   void ThreadEnds(Worker*); void ThreadHasEnded(Worker*);   see EndWorker()
//
// Thread safety: whatever is not guarded by lock_ or by a worker's `handoff` is atomic. A worker's
//   own methods are called on its thread.
// Blocks: AwaitTurn() and StopUntilGranted(): the thread.
#ifndef WEFT_SCHED_INTERNAL_HANDOFF_H_
#define WEFT_SCHED_INTERNAL_HANDOFF_H_

#include <cstdint>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/idle_workers.h"
#include "weft/sched/internal/process_barrier.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/timer.h"

namespace weft::sched_internal {

template <typename Host, typename Worker, typename Processor, typename Queue>
class HandOff : public IdleWorkers<Host, Worker, Processor, Queue> {
 public:
  // What sysmon has seen of a processor on an earlier tick.
  struct Observed {
    uint32_t time_slice;
    uint32_t blocking;
  };
  // Takes `processor` from a worker that has not entered the runtime since, and gives it to
  // another. False: it has, or no thread may be started for it.
  bool TakeProcessor(Processor* processor, Observed seen);
  // Whether somebody waits for `processor` to be free.
  bool IsNeeded(Processor* processor) const;
  // Asks the holder of `processor` to enter the scheduler proper soon.
  void Interrupt(Processor* processor);
  // Holder of `processor` from now on; no longer the holder of its processor.
  void Hold(Worker* worker, Processor* processor);
  void Drop(Worker* worker);

  // In a signal handler on the thread of a fiber whose processor was taken: waits for one.
  void StopUntilGranted(Worker* worker, Fiber* self);

  // No worker runs, searches, or goes on without its processor; no processor is under way; no fiber
  // waits in a queue, and no timer is armed. So nothing happens unless a plain thread acts.
  bool Asleep() const;
  // Workers whose processor was taken and that have not come back. A statistic.
  int detached() const { return detached_.load(std::memory_order_relaxed); }
  // Of these, the ones that were taken for hogs.
  int displaced() const { return displaced_.load(std::memory_order_relaxed); }  // a statistic

 protected:
  using Base = IdleWorkers<Host, Worker, Processor, Queue>;
  using Base::AnyWork;
  using Base::global_;
  using Base::global_size_;
  using Base::idle_processors_;
  using Base::idle_workers_;
  using Base::keeper_deadline_;
  using Base::kNever;
  using Base::lock_;

  HandOff() = default;

  // At a safe point and at the end of a BlockingRegion, of a fiber that would go on. False: it must
  // leave through the loop. Part of their callers, which have little else to do.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryGoOn(Worker* worker);
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool ReturnFromBlocking(Worker* worker);
  // An idle processor for a worker whose own was taken.
  bool Regain(Worker* worker);
  // Forgets the requests that entering the scheduler has met.
  void ResetRequests(Worker* worker);

  // Finds another worker for a processor that is under way.
  void GiveAway(Processor* processor);
  // Empties a processor beyond GOMAXPROCS. Holder only, or under way. Its timers stay: others look
  // after them.
  void RetireProcessor(Processor* processor);
  // For a number that has gone down to `n`.
  void RetireIdleProcessors(int n) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  // Gives the processor of `worker` to `locked`, to whom the fiber is locked that comes next.
  void GrantTurn(Worker* worker, Worker* locked);
  // Waits until somebody brings a processor for the worker's locked fiber.
  void AwaitTurn(Worker* worker);
  // The same, after giving its processor to others.
  void LeaveToOthers(Worker* worker);

  // The worker's thread is about to end, and leaves its processor to others. Of that the host
  // learns between the two.
  void EndWorker(Worker* worker);

 private:
  Host* host() { return static_cast<Host*>(this); }
  const Host* host() const { return static_cast<const Host*>(this); }

  // The parts of TakeProcessor() and GiveAway() that may fail.
  bool TakeFromUserCode(Worker* worker, Processor* processor, Observed seen);
  bool TryGiveAway(Processor* processor);

  Atom<int> detached_{0};
  Atom<int> displaced_{0};
};

// --- Holding. ---

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::Hold(Worker* worker, Processor* processor) {
  worker->set_processor(processor);
  // ORDER(processor.holder): release; pairs with the acquire in TakeProcessor().
  processor->holder.store(worker, std::memory_order_release);
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::Drop(Worker* worker) {
  Processor* processor = worker->processor();
  worker->set_processor(nullptr);
  // ORDER(processor.holder): release; pairs with the acquire in TakeProcessor().
  processor->holder.store(nullptr, std::memory_order_release);
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::Interrupt(Processor* processor) {
  // ORDER(processor.holder): acquire; pairs with the release in Hold().
  Worker* worker = processor->holder.load(std::memory_order_acquire);
  if (worker == nullptr) return;
  SpinLockHolder hold(worker->handoff);
  // ORDER(processor.holder): acquire; as above. A worker whose thread ends drops it under the lock.
  if (processor->holder.load(std::memory_order_acquire) != worker) return;
  worker->interrupt.store(true, std::memory_order_relaxed);  // a request
  host()->AskToLeave(worker);
}

// --- Taking. ---

template <typename Host, typename Worker, typename Processor, typename Queue>
bool HandOff<Host, Worker, Processor, Queue>::IsNeeded(Processor* processor) const {
  // Relaxed: hints, looked at again every tick.
  if (processor->ring.size() != 0) return true;
  if (processor->lifo.load(std::memory_order_relaxed) != nullptr) return true;
  if (global_size_.load(std::memory_order_relaxed) != 0) return true;
  return processor->id >= host()->processors() ||
         host()->NextTimerFor(*processor) <= MonotonicNanos();
}

template <typename Host, typename Worker, typename Processor, typename Queue>
bool HandOff<Host, Worker, Processor, Queue>::TakeProcessor(Processor* processor, Observed seen) {
  // ORDER(processor.holder): acquire; pairs with the release in Hold().
  Worker* worker = processor->holder.load(std::memory_order_acquire);
  if (worker == nullptr) return false;
  // For a blocking call the limit of threads is fatal, as in Go.
  if (seen.blocking % 2 == 0 && !host()->MayStartThread()) {
    SpinLockHolder hold(lock_);
    if (idle_workers_ == nullptr) return false;
  }
  if (!TakeFromUserCode(worker, processor, seen)) return false;
  GiveAway(processor);
  // The worker may have fallen asleep since, when its processor was still under way.
  host()->ReportIfAllAsleep();
  return true;
}

template <typename Host, typename Worker, typename Processor, typename Queue>
bool HandOff<Host, Worker, Processor, Queue>::TakeFromUserCode(Worker* worker, Processor* processor,
                                                               Observed seen) {
  SpinLockHolder hold(worker->handoff);
  // ORDER(processor.holder): acquire; as above. A worker whose thread ends drops it under the lock.
  if (processor->holder.load(std::memory_order_acquire) != worker) return false;
  worker->interrupt.store(true, std::memory_order_relaxed);  // ordered by the barrier
  host()->AskToLeave(worker);
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
  const bool blocking = seen.blocking % 2 == 1;
  // ORDER(sched.detached): seq_cst, as all writes of the count.
  detached_.fetch_add(1, std::memory_order_seq_cst);
  if (!blocking) displaced_.fetch_add(1, std::memory_order_relaxed);  // a statistic
  Drop(worker);
  worker->detached = true;
  worker->displaced = !blocking;
  // Here, while its thread cannot end.
  if (!blocking) host()->StopThread(worker);
  return true;
}

// --- Giving away. ---

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::GiveAway(Processor* processor) {
  while (!TryGiveAway(processor)) {
  }
}

// False: GOMAXPROCS has just gone below it.
template <typename Host, typename Worker, typename Processor, typename Queue>
bool HandOff<Host, Worker, Processor, Queue>::TryGiveAway(Processor* processor) {
  const bool beyond = processor->id >= host()->processors();
  if (beyond) RetireProcessor(processor);
  // With a timer it needs somebody who sleeps until then.
  const bool needed = IsNeeded(processor) || host()->NextTimerFor(*processor) != kNever;
  Worker* worker = nullptr;
  bool idle = false;
  int64_t kept;
  {
    SpinLockHolder hold(lock_);
    kept = keeper_deadline_;
    if (processor->id >= host()->processors()) {
      // Once retired it may come into service again at any time, so it must be empty by then.
      if (!beyond) return false;
      processor->state = ProcessorState::kRetired;
      idle = true;
    } else if (!needed) {
      this->AddIdleProcessor(processor);
      idle = true;
    } else if (idle_workers_ != nullptr) {
      worker = this->TakeIdleWorker();
      Hold(worker, processor);
    }
  }
  if (worker != nullptr) {
    worker->wake.Set();
  } else if (!idle) {
    host()->SpawnWorker(processor, /*spinning=*/false);
  } else if (AnyWork() || host()->EarliestTimer() < kept) {
    // Submitted by somebody to whom nobody was idle, or to whom the holder would have looked.
    this->WakeIfIdle();
  }
  return true;
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::RetireProcessor(Processor* processor) {
  if (Fiber* fiber = processor->TakeLifo()) this->PushGlobal(&fiber, 1);
  while (Fiber* fiber = processor->ring.Pop()) this->PushGlobal(&fiber, 1);
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::RetireIdleProcessors(int n) {
  Processor* idle = std::exchange(idle_processors_, nullptr);
  while (idle != nullptr) {
    Processor* processor = idle;
    idle = processor->next_idle;
    processor->state = ProcessorState::kRetired;
    this->idle_.RemoveIdle();
    if (processor->id < n) this->AddIdleProcessor(processor);
  }
}

// --- Coming back. ---

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::ResetRequests(Worker* worker) {
  if (!worker->interrupt.load(std::memory_order_relaxed)) return;  // a request
  {
    SpinLockHolder hold(worker->handoff);
    worker->interrupt.store(false, std::memory_order_relaxed);  // a request
    host()->AskedToLeave(worker);
  }
  // The fiber has parked inside its region; whoever runs here now is in none.
  worker->StopBlocking();
  if (std::exchange(worker->detached, false)) {
    // Relaxed: a statistic.
    if (std::exchange(worker->displaced, false)) displaced_.fetch_sub(1, std::memory_order_relaxed);
    // ORDER(sched.detached): seq_cst; pairs with the load in Asleep().
    detached_.fetch_sub(1, std::memory_order_seq_cst);
  }
}

template <typename Host, typename Worker, typename Processor, typename Queue>
bool HandOff<Host, Worker, Processor, Queue>::Regain(Worker* worker) {
  host()->CheckNotForked();
  {
    SpinLockHolder hold(lock_);
    Processor* processor = this->TakeIdleProcessor();
    if (processor == nullptr) return false;
    Hold(worker, processor);
  }
  ResetRequests(worker);
  host()->ProcessorTaken();
  return true;
}

template <typename Host, typename Worker, typename Processor, typename Queue>
inline bool HandOff<Host, Worker, Processor, Queue>::TryGoOn(Worker* worker) {
  worker->EnterRuntime();
  if (worker->processor() != nullptr || !Regain(worker)) return false;
  worker->LeaveRuntime();
  return true;
}

template <typename Host, typename Worker, typename Processor, typename Queue>
inline bool HandOff<Host, Worker, Processor, Queue>::ReturnFromBlocking(Worker* worker) {
  worker->EnterRuntime();
  worker->StopBlocking();
  if (worker->processor() == nullptr && !Regain(worker)) return false;
  worker->LeaveRuntime();
  return true;
}

// --- Fibers that are locked to a thread. ---

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::GrantTurn(Worker* worker, Worker* locked) {
  Processor* processor = worker->processor();
  Drop(worker);
  locked->granted = processor;
  locked->turn.Set();
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::AwaitTurn(Worker* worker) {
  worker->turn.Wait(kNever);
  worker->turn.Reset();
  Hold(worker, std::exchange(worker->granted, nullptr));
  worker->interrupt.store(true, std::memory_order_relaxed);  // read by the same thread
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::LeaveToOthers(Worker* worker) {
  if (Processor* processor = worker->processor()) {
    Drop(worker);
    GiveAway(processor);
  }
  host()->ReportIfAllAsleep();
  AwaitTurn(worker);
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::EndWorker(Worker* worker) {
  Processor* processor = worker->processor();
  if (processor != nullptr) {
    // Who asks it to leave, or takes its processor, reaches its thread: under this lock.
    SpinLockHolder hold(worker->handoff);
    Drop(worker);
  }
  host()->ThreadEnds(worker);
  if (processor != nullptr) GiveAway(processor);
  // It falls asleep for good.
  host()->ReportIfAllAsleep();
  host()->ThreadHasEnded(worker);
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void HandOff<Host, Worker, Processor, Queue>::StopUntilGranted(Worker* worker, Fiber* self) {
  worker->EnterRuntime();
  if (worker->processor() == nullptr) {
    const bool locked = worker->locked_fiber != nullptr;
    if (!locked) host()->LockToThread(worker, self);
    {
      // Nobody is woken: that may need memory, and the signal may have come in malloc(). Whoever
      // holds a processor finds it, or sysmon sees it wait.
      SpinLockHolder hold(lock_);
      global_.Push(&self, 1);
      // ORDER(global.size): seq_cst; pairs with the load in AnyWork().
      global_size_.store(global_.size(), std::memory_order_seq_cst);
    }
    ResetRequests(worker);
    host()->ProcessorTaken();
    AwaitTurn(worker);
    if (!locked) host()->UnlockFromThread(worker, self);
  }
  worker->LeaveRuntime();
}

// --- Whether anything can still happen. ---

template <typename Host, typename Worker, typename Processor, typename Queue>
bool HandOff<Host, Worker, Processor, Queue>::Asleep() const {
  // Spares the lock. Whoever falls asleep as the last one sees it true: a worker that has lost its
  // processor counts itself off by a seq_cst operation first, as who gave the processor away counts
  // that as idle, and then looks whether anybody is detached.
  if (!this->idle_.AreIdle(static_cast<uint32_t>(host()->processors()))) return false;
  // All of it as it is at one time: processors change hands, and the global queue changes, under
  // the lock only, and all other queues belong to processors that are held.
  SpinLockHolder hold(lock_);
  // ORDER(sched.detached): seq_cst; a worker counts itself off after it has made ready whom it
  // will, and before it looks whether all are asleep. One that is counted after this has a
  // processor, or it is under way.
  if (detached_.load(std::memory_order_seq_cst) != 0 || global_.size() != 0) return false;
  for (int i = 0; i < host()->allocated_processors(); ++i) {
    if (host()->processor(i)->state == ProcessorState::kHeld) return false;
  }
  return host()->EarliestTimer() == kNever;
}

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_HANDOFF_H_
