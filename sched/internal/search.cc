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

// How long a worker looks for work that it may have before it sleeps: about what it costs to be
// woken.
constexpr int64_t kSpinNs = 20'000;
// How long a fiber must have been in a LIFO slot before a thief may have it: it is likely to run at
// once where its waker has left its data in the cache.
constexpr int64_t kLifoPatienceNs = 3'000;
constexpr int kQuickTurns = 4;
constexpr int kPausesPerTurn = 8;

}  // namespace

template class IdleWorkers<Scheduler, Worker, Processor, GlobalQueue>;

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
    // Relaxed: a request; by sysmon, mostly, at the end of a time slice.
    const bool asked = worker->locals->preempt.load(std::memory_order_relaxed) != 0;
    ResetRequests(worker);
    if (worker->locked_fiber != nullptr) [[unlikely]] {
      LeaveToOthers(worker);
      return worker->locked_fiber;
    }
    if (worker->ends_with_fiber) [[unlikely]] {
      EndWorker(worker);
      return nullptr;
    }
    const auto [fiber, goes_on] = ChooseFiber(worker, asked);
    if (fiber == nullptr) {
      // Relaxed: only the holder fills it, and that is us.
      assert(worker->processor() == nullptr || stopping() ||
             worker->processor()->lifo.load(std::memory_order_relaxed) == nullptr);
      Idle(worker);
      if (worker->processor() == nullptr) return nullptr;
      continue;
    }
    if (worker->spinning) StopSpinningWithWork(worker);
    if (!goes_on) worker->processor()->NextTimeSlice();
    if (fiber->locked_to == nullptr) [[likely]]
      return fiber;
    GrantTurn(worker, fiber->locked_to);
    Idle(worker);
    if (worker->processor() == nullptr) return nullptr;
  }
}

// No fiber: the worker must go idle. From the slot: it goes on with its waker's time slice.
LocalFiber Scheduler::ChooseFiber(Worker* worker, bool asked_to_leave) {
  Processor* processor = worker->processor();
  if (processor == nullptr) return {};  // it was taken
  if (Fiber* chosen = std::exchange(worker->chosen, nullptr)) return {chosen, false};
  if (processor->id >= processors()) [[unlikely]] {
    RetireProcessor(processor);
    return {};
  }
  // Fibers that wake each other have had their time slice, and are to come after all that wait.
  if (asked_to_leave) {
    if (Fiber* next = processor->TakeLifo()) PushGlobal(&next, 1);
  }
  RunOwnTimers(processor);
  processor->NextRound();
  // Counted in time slices: fibers that share one are a single turn.
  const uint32_t slice = processor->time_slice.load(std::memory_order_relaxed);  // holder-only
  if (slice - processor->global_slice >= Processor::kGlobalSlices) {
    processor->global_slice = slice;
    if (Fiber* fiber = TakeGlobal(worker, /*one=*/true)) return {fiber, false};
  }
  const LocalFiber here = TakeLocal(processor->lifo, processor->ring);
  if (here.fiber != nullptr) return here;
  if (Fiber* fiber = TakeGlobal(worker, /*one=*/false)) return {fiber, false};
  return {Search(worker), false};
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

Fiber* Scheduler::Search(Worker* worker) {
  const int n = allocated_processors();
  if (n == 1) return nullptr;
  const bool woken = worker->spinning;
  if (!StartSearching(worker)) return nullptr;
  LifoWatch watch;
  // With more processors than the machine has, spinning would take time from those who have work.
  const bool patient = processors() <= AffinityProcessors();
  int64_t now = 0;
  int64_t steal_from_ns = 0;
  if (patient && worker->patience.HasStolen()) {
    now = MonotonicNanos();
    steal_from_ns = worker->patience.Judge(now);
    if (steal_from_ns > now) ExpectWakersToGoOn(false);
  }
  int64_t give_up_ns = 0;
  for (int turn = 0;; ++turn) {
    if (Fiber* fiber = RunTimersOfAll(worker)) return fiber;
    if (Fiber* fiber = TakeGlobal(worker, /*one=*/false)) return fiber;
    if (now >= steal_from_ns) {
      if (Fiber* fiber = StealOnce(worker, watch)) {
        if (patient) worker->patience.Stole(MonotonicNanos());
        return fiber;
      }
    }
    if (turn < kQuickTurns) continue;
    now = MonotonicNanos();
    if (turn == kQuickTurns) give_up_ns = std::max(now, steal_from_ns) + kSpinNs;
    // Relaxed: requests.
    if (!patient || now >= give_up_ns || stopping_.load(std::memory_order_relaxed)) {
      if (woken) ExpectWakersToGoOn(false);
      return nullptr;
    }
    for (int i = 0; i < kPausesPerTurn; ++i) CpuRelax();
  }
}

// A fiber that one of them has made runnable. What did is in our own queue, and thieves must come
// with an empty one.
Fiber* Scheduler::RunTimersOfAll(Worker* worker) {
  const int n = allocated_processors();
  int64_t now = 0;
  for (int i = 0; i < n; ++i) {
    TimerQueue& timers = processor(i)->timers;
    const int64_t next = timers.next_when();
    if (next == TimerQueue::kNever) continue;
    if (now == 0) now = MonotonicNanos();
    if (next > now) continue;
    timers.RunDue(now);
    Processor* own = worker->processor();
    if (Fiber* fiber = TakeLocal(own->lifo, own->ring).fiber) return fiber;
  }
  return nullptr;
}

Fiber* Scheduler::StealOnce(Worker* worker, LifoWatch& watch) {
  const int n = allocated_processors();
  const int first = static_cast<int>(worker->Random() % static_cast<uint32_t>(n));
  int64_t now = 0;
  for (int i = 0; i < n; ++i) {
    Processor* victim = processor((first + i) % n);
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

}  // namespace weft::sched_internal
