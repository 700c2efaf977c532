// How a worker finds its next fiber, and what it does when there is none.
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "weft/sched/internal/environment.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/sim_hooks.h"

namespace weft::sched_internal {

namespace {

// How long a worker looks for work before it sleeps: about what it costs to be woken.
constexpr int64_t kSpinNs = 20'000;
// How long a fiber must have been in a LIFO slot before a thief may have it: it is likely to run at
// once where its waker has left its data in the cache.
constexpr int64_t kLifoPatienceNs = 3'000;
constexpr int kQuickTurns = 4;
constexpr int kPausesPerTurn = 8;

}  // namespace

// What a thief remembers of a LIFO slot that it has seen occupied.
struct LifoWatch {
  Processor* victim = nullptr;
  Fiber* fiber = nullptr;
  uint32_t round = 0;
  int64_t since_ns = 0;
};

void Scheduler::Loop(Worker* worker) {
  while (Fiber* fiber = FindRunnable(worker)) RunFiber(worker, fiber);
}

Fiber* Scheduler::FindRunnable(Worker* worker) {
  if (worker->sim != nullptr) [[unlikely]] return worker->sim->FindRunnable();
  for (;;) {
    // Relaxed: a request.
    while (frozen_.load(std::memory_order_relaxed)) [[unlikely]] pause();
    ResetRequests(worker);
    if (worker->locked_fiber != nullptr) [[unlikely]]
      return LeaveToOthers(worker);
    if (worker->ends_with_fiber) [[unlikely]] {
      EndWorker(worker);
      return nullptr;
    }
    Fiber* fiber = ChooseFiber(worker);
    if (fiber == nullptr) {
      Idle(worker);
      if (worker->processor() == nullptr) return nullptr;
      continue;
    }
    if (worker->spinning) StopSpinningWithWork(worker);
    auto& slice = worker->processor()->time_slice;
    // Holder-only counter.
    slice.store(slice.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (fiber->locked_to == nullptr) [[likely]]
      return fiber;
    GrantTurn(worker, fiber);
    Idle(worker);
    if (worker->processor() == nullptr) return nullptr;
  }
}

// Null: the worker must go idle.
Fiber* Scheduler::ChooseFiber(Worker* worker) {
  Processor* processor = worker->processor();
  if (processor == nullptr) return nullptr;  // it was taken
  if (Fiber* chosen = std::exchange(worker->chosen, nullptr)) return chosen;
  if (processor->id >= processors()) [[unlikely]] {
    RetireProcessor(processor);
    return nullptr;
  }
  RunOwnTimers(processor);
  // PickLocal() has counted the round, and sent us here because of it.
  const uint32_t round = processor->round.load(std::memory_order_relaxed);  // holder-only
  if ((round & processor->round_mask) == 0) {
    if (Fiber* fiber = TakeGlobal(worker, /*one=*/true)) return fiber;
  }
  if (Fiber* fiber = FindHere(worker)) return fiber;
  if (Fiber* fiber = TakeGlobal(worker, /*one=*/false)) return fiber;
  return Search(worker);
}

void Scheduler::RunOwnTimers(Processor* processor) {
  const int n = std::max(1, processors());
  const int64_t next = NextTimerFor(*processor);
  if (next == TimerQueue::kNever) {
    processor->round_mask = Processor::kRoundMask;
    return;
  }
  processor->round_mask = Processor::kRoundMaskTimers;
  const int64_t now = MonotonicNanos();
  if (next > now) return;
  for (int i = processor->id; i < allocated_processors(); i += n) {
    TimerQueue& timers = this->processor(i)->timers;
    if (timers.next_when() <= now) timers.RunDue(now);
  }
}

int64_t Scheduler::NextTimerFor(const Processor& processor) const {
  int64_t earliest = processor.timers.next_when();
  const int n = std::max(1, processors());
  for (int i = processor.id + n; i < allocated_processors(); i += n) {
    earliest = std::min(earliest, this->processor(i)->timers.next_when());
  }
  return earliest;
}

Fiber* Scheduler::FindHere(Worker* worker) {
  Processor* processor = worker->processor();
  return TakeLocal(processor->lifo, processor->ring, processor->lifo_streak).fiber;
}

Fiber* Scheduler::TakeGlobal(Worker* worker, bool one) {
  if (global_size_.load(std::memory_order_relaxed) == 0)
    return nullptr;  // re-checked under the lock
  Fiber* batch[RunRing::kCapacity / 2];
  int count = 0;
  {
    SpinLockHolder hold(lock_);
    const int share = global_.size() / processors() + 1;
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

Fiber* Scheduler::Search(Worker* worker) {
  const int n = allocated_processors();
  if (n == 1) return nullptr;
  if (!worker->spinning) {
    // At most half of the busy ones search.
    const uint32_t busy =
        static_cast<uint32_t>(processors()) - std::min<uint32_t>(idle_.idle(), processors());
    if (2 * idle_.spinning() >= busy && busy > 1) return nullptr;
    worker->spinning = true;
    idle_.StartSpinning();
  }
  LifoWatch watch;
  // With more processors than the machine has, spinning would take time from those who have work.
  const bool patient = processors() <= AffinityProcessors();
  int64_t give_up_ns = 0;
  for (int turn = 0;; ++turn) {
    if (Fiber* fiber = StealOnce(worker, watch)) return fiber;
    if (Fiber* fiber = TakeGlobal(worker, /*one=*/false)) return fiber;
    if (turn < kQuickTurns) continue;
    const int64_t now = MonotonicNanos();
    if (turn == kQuickTurns) give_up_ns = now + kSpinNs;
    // Relaxed: requests.
    if (!patient || now >= give_up_ns || stopping_.load(std::memory_order_relaxed)) return nullptr;
    for (int i = 0; i < kPausesPerTurn; ++i) CpuRelax();
  }
}

Fiber* Scheduler::StealOnce(Worker* worker, LifoWatch& watch) {
  const int n = allocated_processors();
  const int first = static_cast<int>(worker->Random() % static_cast<uint32_t>(n));
  int64_t now = 0;
  for (int i = 0; i < n; ++i) {
    Processor* victim = processor((first + i) % n);
    const int64_t next = victim->timers.next_when();
    if (next != TimerQueue::kNever) {
      if (now == 0) now = MonotonicNanos();
      if (next <= now) {
        victim->timers.RunDue(now);
        // What became runnable is in our own queue; thieves must come with an empty one.
        if (Fiber* fiber = FindHere(worker)) return fiber;
      }
    }
    if (victim == worker->processor()) continue;
    if (Fiber* fiber = victim->ring.StealInto(worker->processor()->ring)) return fiber;
    // Relaxed: the steal decides.
    if (victim->lifo.load(std::memory_order_relaxed) != nullptr) {
      if (now == 0) now = MonotonicNanos();
      if (Fiber* fiber = StealLifo(victim, watch, now)) return fiber;
    }
  }
  return nullptr;
}

Fiber* Scheduler::StealLifo(Processor* victim, LifoWatch& watch, int64_t now_ns) {
  Fiber* fiber = victim->lifo.load(std::memory_order_relaxed);           // the CAS below decides
  const uint32_t round = victim->round.load(std::memory_order_relaxed);  // statistic
  const bool same = watch.victim == victim && watch.fiber == fiber && watch.round == round;
  if (!same) {
    watch = {victim, fiber, round, now_ns};
    return nullptr;
  }
  if (fiber == nullptr || now_ns - watch.since_ns < kLifoPatienceNs) return nullptr;
  return victim->lifo.Steal(fiber) ? fiber : nullptr;
}

void Scheduler::StopSpinningWithWork(Worker* worker) {
  worker->spinning = false;
  // Whoever submitted work meanwhile relied on us to find it; we found something else.
  if (idle_.StopSpinning() && AnyWork()) WakeIfIdle();
}

bool Scheduler::AnyWork() const {
  // ORDER(global.size): seq_cst; pairs with the stores under the lock.
  if (global_size_.load(std::memory_order_seq_cst) != 0) return true;
  for (int i = 0; i < allocated_processors(); ++i) {
    if (!processor(i)->ring.LooksEmpty()) return true;
  }
  return false;
}

void Scheduler::RetireProcessor(Processor* processor) {
  // Its timers stay where they are: RunOwnTimers() of another, searchers and the keeper look at
  // them.
  if (Fiber* fiber = processor->TakeLifo()) PushGlobal(&fiber, 1);
  while (Fiber* fiber = processor->ring.Pop()) PushGlobal(&fiber, 1);
}

void Scheduler::Idle(Worker* worker) {
  int64_t deadline;
  bool was_spinning;
  {
    SpinLockHolder hold(lock_);
    // Relaxed: both are written under the lock.
    const bool stopping = stopping_.load(std::memory_order_relaxed);
    if (Processor* processor = worker->processor()) {
      const bool retired = processor->id >= processors();
      if (!retired && !stopping && global_size_.load(std::memory_order_relaxed) != 0) return;
      Drop(worker);
      processor->state = ProcessorState::kRetired;
      // Relaxed: only the holder fills it, and that was us.
      assert(stopping || processor->lifo.load(std::memory_order_relaxed) == nullptr);
      if (!retired) AddIdleProcessor(processor);
    }
    was_spinning = std::exchange(worker->spinning, false);
    if (stopping) {
      if (was_spinning) idle_.StopSpinning();
      return;
    }
    worker->wake.Reset();
    deadline = ListIdleWorker(worker);
  }
  if (was_spinning) idle_.StopSpinning();
  // The second half of the searcher's side of the protocol (idle_word.h), here for every worker:
  // one that did not search may be the last to go idle after a waker that found nobody.
  if (AnyWork() && ReturnFromIdle(worker)) return;
  ReportIfAllAsleep();
  for (;;) {
    if (worker->wake.Wait(deadline)) break;
    // A timer is due. Without a processor, all of them are busy and look after the timers.
    if (ReturnFromIdle(worker)) break;
    SpinLockHolder hold(lock_);
    if (!worker->in_idle_list) {
      deadline = TimerQueue::kNever;  // being woken
    } else {
      UnlistIdleWorker(worker);
      deadline = ListIdleWorker(worker);
      // No processor was idle a moment ago; those who run will find what is due now.
      deadline = std::max(deadline, MonotonicNanos() + 1'000'000);
    }
  }
}

int64_t Scheduler::ListIdleWorker(Worker* worker) {
  worker->in_idle_list = true;
  worker->next_idle = idle_workers_;
  idle_workers_ = worker;
  const int64_t earliest = EarliestTimer();
  if (earliest >= keeper_deadline_) return TimerQueue::kNever;
  keeper_ = worker;
  keeper_deadline_ = earliest;
  return earliest;
}

void Scheduler::UnlistIdleWorker(Worker* worker) {
  Worker** link = &idle_workers_;
  while (*link != worker) link = &(*link)->next_idle;
  *link = worker->next_idle;
  worker->in_idle_list = false;
  if (keeper_ == worker) {
    keeper_ = nullptr;
    keeper_deadline_ = TimerQueue::kNever;
  }
}

bool Scheduler::ReturnFromIdle(Worker* worker) {
  {
    SpinLockHolder hold(lock_);
    if (!worker->in_idle_list) return false;
    Processor* processor = TakeIdleProcessor();
    if (processor == nullptr) return false;
    UnlistIdleWorker(worker);
    Hold(worker, processor);
    worker->spinning = true;
    idle_.StartSpinning();
  }
  sysmon_.WakeIfAsleep();
  return true;
}

}  // namespace weft::sched_internal
