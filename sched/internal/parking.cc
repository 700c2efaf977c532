// park.h and go.h for fibers and for plain threads.
#include <sched.h>
#include <time.h>

#include <limits>
#include <vector>

#include "absl/base/attributes.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/environment.h"
#include "weft/sched/internal/futex.h"
#include "weft/sched/internal/goexit.h"
#include "weft/sched/internal/held_locks.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/real_clock.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/timer.h"

namespace weft {
namespace sched_internal {
namespace {

// The records of plain threads. Reused, never freed: a waker may still touch a record whose thread
// has just left.
class ThreadRecords {
 public:
  Parkable* Take() {
    const race::Ignore ignore;
    SpinLockHolder hold(lock_);
    if (free_.empty()) return new Parkable(/*is_fiber=*/false);
    Parkable* record = free_.back();
    free_.pop_back();
    return record;
  }

  void Give(Parkable* record) {
    const race::Ignore ignore;
    SpinLockHolder hold(lock_);
    free_.push_back(record);
  }

  static ThreadRecords& Instance() {
    static auto* records = new ThreadRecords;
    return *records;
  }

 private:
  SpinLock lock_;
  std::vector<Parkable*> free_ ABSL_GUARDED_BY(lock_);
};

// Gives the record back when its thread ends.
pthread_key_t RecordKey() {
  static const pthread_key_t key = [] {
    pthread_key_t made;
    const auto give = [](void* record) {
      ThreadRecords::Instance().Give(static_cast<Parkable*>(record));
      CurrentThreadLocals()->thread = nullptr;
    };
    if (pthread_key_create(&made, give) != 0) Fatal("out of thread-specific keys");
    return made;
  }();
  return key;
}

Parkable* CurrentThreadRecord() {
  ThreadLocals* locals = CurrentThreadLocals();
  if (locals->thread == nullptr) {
    locals->thread = ThreadRecords::Instance().Take();
    pthread_setspecific(RecordKey(), locals->thread);
  }
  return locals->thread;
}

void ParkThread(Parkable* self) {
  Scheduler& scheduler = Scheduler::Instance();
  scheduler.CheckNotForked();
  // Counted before the commit: who readies us takes us off the count.
  scheduler.CountParkedThread(+1);
  if (!self->token.Commit()) {
    scheduler.CountParkedThread(-1);
    return;
  }
  scheduler.ReportIfAllAsleep();
  // ORDER(token.notify): acquire; pairs with the release in Notify().
  while (self->token.word().load(std::memory_order_acquire) == ParkToken::kParked) {
    FutexWait(self->token.word(), ParkToken::kParked, std::numeric_limits<int64_t>::max());
  }
  self->token.Resume();
}

[[noreturn, gnu::cold]] void FatalReadyTwice() {
  Fatal("Ready() called twice for one Park(): a waiter must be taken from its queue exactly once");
}

[[gnu::noinline]] void WakeThread(Parkable* thread) {
  Scheduler::Instance().CountParkedThread(-1);
  FutexWake(thread->token.word(), 1);
}

// Without order for the program: `parkable` may have nothing to do with the caller.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void WakeUnordered(Parkable* parkable, bool next) {
  const ParkToken::Notification notified = parkable->token.Notify();
  if (notified == ParkToken::Notification::kRemembered) return;
  if (notified == ParkToken::Notification::kTwice) [[unlikely]]
    FatalReadyTwice();
  if (!parkable->is_fiber) [[unlikely]]
    return WakeThread(parkable);
  Scheduler& scheduler = Scheduler::Instance();
  if (next) {
    scheduler.MakeReadyNext(static_cast<Fiber*>(parkable));
  } else {
    scheduler.MakeReadyLast(static_cast<Fiber*>(parkable));
  }
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void Wake(Parkable* parkable, bool next) {
  race::Release(parkable);
  WakeUnordered(parkable, next);
}

// Park() of a caller who is no fiber.
[[gnu::noinline]] void ParkElsewhere(const Worker* worker) {
  Parkable* self = CurrentThreadRecord();
  if (!self->token.TryConsume()) {
    if (worker != nullptr) Fatal("a timer callback must not block");
    ParkThread(self);
  }
  race::Acquire(self);
}

}  // namespace

void PreemptSlow(Op op, const void* object) {
  Worker* worker = CurrentWorker();
  if (worker == nullptr || worker->current == nullptr) return;  // a timer callback
  if (worker->sim != nullptr) return worker->sim->Point(op, object);
  // Owner-only. A prologue inside the runtime.
  if (!worker->in_user_code.load(std::memory_order_relaxed)) return;
  Scheduler::Instance().CheckNotForked();
  // The fiber would lose its thread.
  if (HoldsLocks()) return;
  Scheduler::Instance().Preempt(worker, worker->current);
}

}  // namespace sched_internal

using sched_internal::CurrentWorker;
using sched_internal::Fiber;
using sched_internal::Scheduler;
using sched_internal::Worker;

Parkable* CurrentParkable() {
  if (Fiber* fiber = sched_internal::CurrentFiber()) return fiber;
  return sched_internal::CurrentThreadRecord();
}

bool InFiber() { return sched_internal::CurrentFiber() != nullptr; }

void Park(WaitReason reason) {
  Worker* worker = CurrentWorker();
  Fiber* self = worker == nullptr ? nullptr : worker->current;
  if (self == nullptr) [[unlikely]]
    return sched_internal::ParkElsewhere(worker);
  // Unless the notification has come already.
  if (!self->token.TryConsume()) Scheduler::Instance().ParkFiber(worker, self, reason);
  race::Acquire(self);
}

void Ready(Parkable* parkable) { sched_internal::Wake(parkable, /*next=*/true); }
void ReadyLast(Parkable* parkable) { sched_internal::Wake(parkable, /*next=*/false); }

void Gosched() {
  Worker* worker = CurrentWorker();
  if (worker == nullptr || worker->current == nullptr) {
    sched_yield();
    return;
  }
  Scheduler::Instance().Yield(worker, worker->current);
}

void Goexit() {
  Fiber* fiber = sched_internal::CurrentFiber();
  if (fiber == nullptr) Fatal("Goexit called outside a fiber");
  fiber->goexit = true;
  throw sched_internal::GoexitUnwind{};
}

void Sleep(absl::Duration d) {
  if (d <= absl::ZeroDuration()) return;
  const int64_t ns = absl::ToInt64Nanoseconds(d);
  const int64_t now = MonotonicNanos();
  const int64_t never = std::numeric_limits<int64_t>::max();
  const int64_t when = ns >= never - now ? never : now + ns;
  if (!InFiber()) {
    const timespec until = {when / 1'000'000'000, when % 1'000'000'000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
    }
    return;
  }
  struct Sleeper : SchedTimer {
    explicit Sleeper(Parkable* self)
        : SchedTimer(
              [](SchedTimer* timer, int64_t) {
                sched_internal::WakeUnordered(static_cast<Sleeper*>(timer)->self, /*next=*/false);
              }),
          self(self) {}
    Parkable* self;
  } sleeper(CurrentParkable());
  // Not Arm(), which would order the sleeper after others whose timers run on the same thread.
  if (when != never) Scheduler::Instance().ArmTimer(&sleeper, when);
  Park(WaitReason::kSleep);
}

int GOMAXPROCS(int n) {
  Scheduler& scheduler = Scheduler::Instance();
  scheduler.EnsureProcessors();
  return n >= 1 ? scheduler.SetProcessors(n, Scheduler::SetBy::kUser) : scheduler.processors();
}

void SetDefaultGOMAXPROCS() {
  Scheduler::Instance().SetProcessors(sched_internal::DefaultProcessors(),
                                      Scheduler::SetBy::kDefault);
}

int NumCPU() { return sched_internal::AffinityProcessors(); }

int NumFiber() {
  const sched_internal::SimHooks* sim = sched_internal::Sim();
  return sim != nullptr ? sim->LiveFibers() : Scheduler::Instance().LiveFibers();
}

void LockOSThread() {
  Worker* worker = CurrentWorker();
  Fiber* fiber = worker == nullptr ? nullptr : worker->current;
  if (fiber == nullptr || worker->sim != nullptr) return;  // a world has one thread
  if (fiber->lock_depth++ == 0) Scheduler::Instance().LockToThread(worker, fiber);
}

void UnlockOSThread() {
  Worker* worker = CurrentWorker();
  Fiber* fiber = worker == nullptr ? nullptr : worker->current;
  if (fiber == nullptr || fiber->lock_depth == 0) return;
  if (--fiber->lock_depth == 0) Scheduler::Instance().UnlockFromThread(worker, fiber);
}

int64_t MonotonicNanos() {
  if (const sched_internal::SimHooks* sim = sched_internal::Sim()) return sim->now_ns;
  return sched_internal::RealMonotonicNanos();
}

absl::Time WallNow() {
  if (const sched_internal::SimHooks* sim = sched_internal::Sim()) {
    return absl::FromUnixNanos(sim->now_ns + sim->wall_offset);
  }
  // Not absl::Now(), which corrects a clock of its own by this one, in twice the time.
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return absl::TimeFromTimespec(now);
}

void SchedTimer::Arm(int64_t when_ns) {
  race::Release(this);
  Scheduler::Instance().ArmTimer(this, when_ns);
}
void SchedTimer::ArmOutside(int64_t when_ns) {
  race::Release(this);
  Scheduler::Instance().ArmTimerOutside(this, when_ns);
}
bool SchedTimer::Postpone(int64_t when_ns) {
  race::Release(this);
  return sched_internal::TimerQueue::Postpone(this, when_ns);
}
bool SchedTimer::Cancel() { return sched_internal::TimerQueue::Remove(this, /*wait=*/false); }
bool SchedTimer::CancelAndWait() { return sched_internal::TimerQueue::Remove(this, /*wait=*/true); }

}  // namespace weft
