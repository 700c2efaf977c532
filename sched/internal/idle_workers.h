// Who has nothing to do, who searches, who sleeps, and who wakes whom when there is work again.
//
// A class template, so that the model explorer runs the scheduler's own code
// (idle_workers_model_test.cc); the Scheduler derives from it. The protocol and its proof are in
// ../DESIGN.md, "Waking".
//
//   submitter   PushLocal() or PushGlobal(): publishes work; if somebody is idle and nobody
//               searches, WakeOne().
//   searcher    StartSearching(); looks everywhere; StopSpinningWithWork() when it has found
//               something, Idle() when it has not.
//   Idle()      gives the processor away, stops counting as a searcher, looks once more, sleeps.
//
// Host is the class that derives, and has
//   int processors() const; int allocated_processors() const; Processor* processor(int) const;
//   bool stopping() const;                                written under lock_
//   void Hold(Worker*, Processor*); void Drop(Worker*);   who holds which processor
//   void SpawnWorker(Processor*, bool spinning);          instead of waking one, where none sleeps
//   int64_t EarliestTimer() const; void ProcessorTaken(); void ReportIfAllAsleep() const;
//
// Thread safety: whatever is not guarded by lock_ is atomic. A worker's own methods are called on
// its thread.
// Blocks: Idle(): the thread.
#ifndef WEFT_SCHED_INTERNAL_IDLE_WORKERS_H_
#define WEFT_SCHED_INTERNAL_IDLE_WORKERS_H_

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/idle_word.h"
#include "weft/sched/internal/run_ring.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/timer.h"

namespace weft::sched_internal {

enum class ProcessorState : uint8_t {
  kRetired,  // beyond GOMAXPROCS, and nobody holds it
  kIdle,     // in the list of idle processors
  kHeld,     // a worker's, or on its way to one that is being woken or started
};

template <typename Host, typename Worker, typename Processor, typename Queue>
class IdleWorkers {
 public:
  // Behind everybody.
  void PushGlobal(Fiber* const* fibers, int count);

  // Wakes a worker if work may be waiting for one. After a seq_cst publication of work.
  void WakeIfIdle() {
    if (idle_.NeedsWaker()) WakeOne();
  }
  // For sysmon: a processor is idle and there is overdue work elsewhere.
  void WakeOne();

  bool AllIdle() const { return idle_.AllIdle(static_cast<uint32_t>(host()->processors())); }
  bool AnyIdle() const { return idle_.idle() != 0; }
  bool AnyIdleOrSpinning() const { return idle_.idle() != 0 || idle_.spinning() != 0; }
  int GlobalSize() const { return global_size_.load(std::memory_order_relaxed); }  // a hint

 protected:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  IdleWorkers() = default;

  // Behind those that are runnable on the worker's processor.
  void PushLocal(Worker* worker, Fiber* fiber);
  void PushOverflow(Worker* worker, Fiber* fiber);
  // One fiber; unless `one`, some more go to the worker's ring.
  Fiber* TakeGlobal(Worker* worker, bool one);

  // True: the worker counts as a searcher from now on. False: enough others search.
  bool StartSearching(Worker* worker);
  void StopSpinningWithWork(Worker* worker);
  bool AnyWork() const;

  // Gives the processor up and sleeps. Returns with a processor, or with none when the worker must
  // end.
  void Idle(Worker* worker);
  // Lists `worker` as idle. Returns until when it must sleep at most.
  int64_t ListIdleWorker(Worker* worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void UnlistIdleWorker(Worker* worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Takes one off the list, which is not empty. The one that keeps the timers is taken last.
  Worker* TakeIdleWorker() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Leaves the idle list with a processor, as a spinning worker. False: no processor, or already
  // being woken.
  bool ReturnFromIdle(Worker* worker);
  // By a plain thread that has armed a timer: wakes the worker that sleeps too long for it.
  void WakeForTimer(int64_t when_ns);

  void AddIdleProcessor(Processor* processor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  Processor* TakeIdleProcessor() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  alignas(kCacheLinePair) IdleWord idle_;

  alignas(kCacheLinePair) mutable SpinLock lock_;
  Queue global_ ABSL_GUARDED_BY(lock_);
  Atom<int> global_size_{0};  // global_.size(), for those without the lock; written under lock_
  Processor* idle_processors_ ABSL_GUARDED_BY(lock_) = nullptr;
  Worker* idle_workers_ ABSL_GUARDED_BY(lock_) = nullptr;
  // The time until which some idle worker sleeps at most, so that timers are served; kNever: nobody
  // does.
  int64_t keeper_deadline_ ABSL_GUARDED_BY(lock_) = kNever;
  Worker* keeper_ ABSL_GUARDED_BY(lock_) = nullptr;

 private:
  Host* host() { return static_cast<Host*>(this); }
  const Host* host() const { return static_cast<const Host*>(this); }

  // Gives the processor up, unless there is work: then false.
  bool GiveUpProcessor(Worker* worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // An idle processor, with the worker to be woken for it, if any sleeps. Null: none is idle.
  Processor* TakeForWaking(Worker** worker);
};

// --- Publishing work. ---

template <typename Host, typename Worker, typename Processor, typename Queue>
void IdleWorkers<Host, Worker, Processor, Queue>::PushLocal(Worker* worker, Fiber* fiber) {
  if (!worker->processor()->ring.Push(fiber)) [[unlikely]] {
    PushOverflow(worker, fiber);
    return;
  }
  WakeIfIdle();
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void IdleWorkers<Host, Worker, Processor, Queue>::PushOverflow(Worker* worker, Fiber* fiber) {
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

template <typename Host, typename Worker, typename Processor, typename Queue>
void IdleWorkers<Host, Worker, Processor, Queue>::PushGlobal(Fiber* const* fibers, int count) {
  {
    SpinLockHolder hold(lock_);
    global_.Push(fibers, count);
    // ORDER(global.size): seq_cst; pairs with the load in AnyWork().
    global_size_.store(global_.size(), std::memory_order_seq_cst);
  }
  WakeIfIdle();
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void IdleWorkers<Host, Worker, Processor, Queue>::WakeOne() {
  while (idle_.TryStartWaker()) {
    Worker* worker = nullptr;
    if (Processor* processor = TakeForWaking(&worker)) {
      host()->ProcessorTaken();
      if (worker != nullptr) {
        worker->wake.Set();
      } else {
        host()->SpawnWorker(processor, /*spinning=*/true);
      }
      return;
    }
    // Nobody was idle after all. Whoever saw us "spinning" relied on us to look.
    if (!idle_.StopSpinning() || !AnyWork()) return;
  }
}

template <typename Host, typename Worker, typename Processor, typename Queue>
Processor* IdleWorkers<Host, Worker, Processor, Queue>::TakeForWaking(Worker** worker) {
  SpinLockHolder hold(lock_);
  Processor* processor = TakeIdleProcessor();
  if (processor == nullptr || idle_workers_ == nullptr) return processor;
  Worker* woken = TakeIdleWorker();
  woken->spinning = true;
  host()->Hold(woken, processor);
  *worker = woken;
  return processor;
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void IdleWorkers<Host, Worker, Processor, Queue>::WakeForTimer(int64_t when_ns) {
  lock_.lock();
  const bool wake = when_ns < keeper_deadline_ && idle_processors_ != nullptr;
  lock_.unlock();
  // Somebody who searches now looks at the timers again before he sleeps: Idle().
  if (wake) WakeIfIdle();
}

// --- Searching. ---

template <typename Host, typename Worker, typename Processor, typename Queue>
Fiber* IdleWorkers<Host, Worker, Processor, Queue>::TakeGlobal(Worker* worker, bool one) {
  // Relaxed: re-checked under the lock.
  if (global_size_.load(std::memory_order_relaxed) == 0) return nullptr;
  Fiber* batch[RunRing::kCapacity / 2];
  int count = 0;
  {
    SpinLockHolder hold(lock_);
    const int share = global_.size() / host()->processors() + 1;
    count = global_.Pop(batch, one ? 1 : std::min<int>(share, std::size(batch)));
    // ORDER(global.size): seq_cst, as all writes; pairs with the load in AnyWork().
    global_size_.store(global_.size(), std::memory_order_seq_cst);
  }
  for (int i = 1; i < count; ++i) {
    if (i <= static_cast<int>(Processor::kPrefetchFiber)) __builtin_prefetch(batch[i]);
    PushLocal(worker, batch[i]);
  }
  return count > 0 ? batch[0] : nullptr;
}

template <typename Host, typename Worker, typename Processor, typename Queue>
bool IdleWorkers<Host, Worker, Processor, Queue>::StartSearching(Worker* worker) {
  if (worker->spinning) return true;  // as whom somebody woke
  worker->spinning = idle_.TryStartSpinning(static_cast<uint32_t>(host()->processors()));
  return worker->spinning;
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void IdleWorkers<Host, Worker, Processor, Queue>::StopSpinningWithWork(Worker* worker) {
  worker->spinning = false;
  // Whoever submitted work meanwhile relied on us to find it; we found something else.
  if (idle_.StopSpinning() && AnyWork()) WakeIfIdle();
}

template <typename Host, typename Worker, typename Processor, typename Queue>
bool IdleWorkers<Host, Worker, Processor, Queue>::AnyWork() const {
  // ORDER(global.size): seq_cst; pairs with the stores under the lock.
  if (global_size_.load(std::memory_order_seq_cst) != 0) return true;
  for (int i = 0; i < host()->allocated_processors(); ++i) {
    if (!host()->processor(i)->ring.LooksEmpty()) return true;
  }
  return false;
}

// --- Sleeping. ---

template <typename Host, typename Worker, typename Processor, typename Queue>
void IdleWorkers<Host, Worker, Processor, Queue>::Idle(Worker* worker) {
  int64_t deadline, kept;
  bool was_spinning;
  {
    SpinLockHolder hold(lock_);
    if (!GiveUpProcessor(worker)) return;
    was_spinning = std::exchange(worker->spinning, false);
    if (host()->stopping()) {
      if (was_spinning) idle_.StopSpinning();
      return;
    }
    worker->wake.Reset();
    deadline = ListIdleWorker(worker);
    kept = keeper_deadline_;
  }
  if (was_spinning) idle_.StopSpinning();
  // The second half of the searcher's side of the protocol (idle_word.h), here for every worker:
  // one that did not search may be the last to go idle after a waker that found nobody. A timer
  // that nobody sleeps for was armed by a plain thread that still saw us search.
  if ((AnyWork() || host()->EarliestTimer() < kept) && ReturnFromIdle(worker)) return;
  host()->ReportIfAllAsleep();
  for (;;) {
    if (worker->wake.Wait(deadline)) break;
    // A timer is due. Without a processor, all of them are busy and look after the timers.
    if (ReturnFromIdle(worker)) break;
    SpinLockHolder hold(lock_);
    if (!worker->in_idle_list) {
      deadline = kNever;  // being woken
    } else {
      UnlistIdleWorker(worker);
      deadline = ListIdleWorker(worker);
      // No processor was idle a moment ago; those who run will find what is due now.
      deadline = std::max(deadline, MonotonicNanos() + 1'000'000);
    }
  }
}

template <typename Host, typename Worker, typename Processor, typename Queue>
bool IdleWorkers<Host, Worker, Processor, Queue>::GiveUpProcessor(Worker* worker) {
  Processor* processor = worker->processor();
  if (processor == nullptr) return true;  // it was taken
  const bool retired = processor->id >= host()->processors();
  // Relaxed: written under the lock.
  const bool work = global_size_.load(std::memory_order_relaxed) != 0;
  if (!retired && !host()->stopping() && work) return false;
  host()->Drop(worker);
  processor->state = ProcessorState::kRetired;
  if (!retired) AddIdleProcessor(processor);
  return true;
}

template <typename Host, typename Worker, typename Processor, typename Queue>
int64_t IdleWorkers<Host, Worker, Processor, Queue>::ListIdleWorker(Worker* worker) {
  worker->in_idle_list = true;
  worker->next_idle = idle_workers_;
  idle_workers_ = worker;
  const int64_t earliest = host()->EarliestTimer();
  if (earliest >= keeper_deadline_) return kNever;
  keeper_ = worker;
  keeper_deadline_ = earliest;
  return earliest;
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void IdleWorkers<Host, Worker, Processor, Queue>::UnlistIdleWorker(Worker* worker) {
  Worker** link = &idle_workers_;
  while (*link != worker) link = &(*link)->next_idle;
  *link = worker->next_idle;
  worker->in_idle_list = false;
  if (keeper_ == worker) {
    keeper_ = nullptr;
    keeper_deadline_ = kNever;
  }
}

template <typename Host, typename Worker, typename Processor, typename Queue>
Worker* IdleWorkers<Host, Worker, Processor, Queue>::TakeIdleWorker() {
  Worker* worker = idle_workers_;
  if (worker == keeper_ && worker->next_idle != nullptr) worker = worker->next_idle;
  UnlistIdleWorker(worker);
  return worker;
}

template <typename Host, typename Worker, typename Processor, typename Queue>
bool IdleWorkers<Host, Worker, Processor, Queue>::ReturnFromIdle(Worker* worker) {
  {
    SpinLockHolder hold(lock_);
    if (!worker->in_idle_list) return false;
    Processor* processor = TakeIdleProcessor();
    if (processor == nullptr) return false;
    UnlistIdleWorker(worker);
    host()->Hold(worker, processor);
    worker->spinning = true;
    idle_.StartSpinning();
  }
  host()->ProcessorTaken();
  return true;
}

template <typename Host, typename Worker, typename Processor, typename Queue>
void IdleWorkers<Host, Worker, Processor, Queue>::AddIdleProcessor(Processor* processor) {
  processor->state = ProcessorState::kIdle;
  processor->next_idle = idle_processors_;
  idle_processors_ = processor;
  idle_.AddIdle();
}

template <typename Host, typename Worker, typename Processor, typename Queue>
Processor* IdleWorkers<Host, Worker, Processor, Queue>::TakeIdleProcessor() {
  Processor* processor = idle_processors_;
  if (processor == nullptr) return nullptr;
  idle_processors_ = processor->next_idle;
  processor->state = ProcessorState::kHeld;
  idle_.RemoveIdle();
  return processor;
}

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_IDLE_WORKERS_H_
