#include "weft/sched/internal/scheduler.h"

#include <sys/prctl.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weft/sched/internal/debug_options.h"
#include "weft/sched/internal/environment.h"
#include "weft/sched/internal/fork.h"
#include "weft/sched/internal/futex.h"
#include "weft/sched/internal/held_locks.h"
#include "weft/sched/internal/process_barrier.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/segments.h"
#include "weft/sched/internal/stack_overflow.h"
#include "weft/sched/internal/terminate.h"
#include "weft/sched/panic.h"

namespace weft::sched_internal {

constinit Scheduler Scheduler::instance_;

void Scheduler::StartSlow() {
  CheckNotForked();
  static std::mutex* mutex = new std::mutex;
  std::lock_guard<std::mutex> hold(*mutex);
  if (started_.load(std::memory_order_relaxed)) return;  // written under the mutex
  Traceback();  // the environment must not change while it is read
  looks_for_mutexes = Debug().heldlocks != 0;
  InstallTerminateHandler();
  RegisterProcessBarrier();
  InstallForkHandlers();
  InstallStackOverflowHandler();
  stopping_.store(false, std::memory_order_relaxed);  // published by started_
  EnsureProcessors();
  // Relaxed: a count.
  runtime_threads_.fetch_add(1, std::memory_order_relaxed);
  sysmon_.Start(this);
  // ORDER(sched.started): release; pairs with the acquire in EnsureStarted().
  started_.store(true, std::memory_order_release);
}

void Scheduler::EnsureProcessors() {
  if (processors() != 0) return;
  const int requested = RequestedProcessors();
  if (requested != 0) {
    SetProcessors(requested, SetBy::kEnvironment);
  } else {
    SetProcessors(DefaultProcessors(), SetBy::kSystem);
  }
}

int Scheduler::SetProcessors(int n, SetBy by) {
  CheckNotForked();
  int former;
  {
    SpinLockHolder hold(lock_);
    // Relaxed, both times: written and read under the lock.
    const bool follows = follows_system_.load(std::memory_order_relaxed);
    const bool set = processors() != 0;
    if (set && (by == SetBy::kEnvironment || (by == SetBy::kSystem && !follows))) {
      return processors();
    }
    follows_system_.store(by == SetBy::kDefault || by == SetBy::kSystem, std::memory_order_relaxed);
    former = SetProcessorsLocked(std::clamp(n, 1, kMaxProcessors));
  }
  // Those that go are told; those that came are idle, and may be needed.
  for (int i = processors(); i < allocated_processors(); ++i) Interrupt(processor(i));
  for (int i = former; i < processors(); ++i) {
    if (AnyWork()) WakeIfIdle();
  }
  return former;
}

int Scheduler::SetProcessorsLocked(int n) {
  const int former = processor_count_.load(std::memory_order_relaxed);  // written under the lock
  // Relaxed: written under the lock; workers re-check it whenever they enter the scheduler.
  processor_count_.store(n, std::memory_order_relaxed);
  // Idle processors beyond the new count leave the list; busy ones are retired by their workers.
  RetireIdleProcessors(n);
  for (int id = former; id < n; ++id) {
    Processor* processor = all_[id].load(std::memory_order_relaxed);  // written under the lock
    if (processor == nullptr) {
      processor = new Processor(id, MonotonicNanos());
      processor->round_mask = Processor::kRoundMask;
      all_[id].store(processor, std::memory_order_relaxed);  // published by allocated_
      // ORDER(sched.allocated): release; pairs with the acquire in allocated_processors().
      allocated_.store(id + 1, std::memory_order_release);
      AddIdleProcessor(processor);
    } else if (processor->state == ProcessorState::kRetired) {
      AddIdleProcessor(processor);  // one whose worker has not noticed yet simply stays in service
    }
  }
  return former;
}

void Scheduler::SpawnWorker(Processor* processor, bool spinning) {
  CheckNotForked();
  const race::Ignore ignore;
  Worker* worker;
  {
    SpinLockHolder hold(lock_);
    worker = std::exchange(ended_workers_, nullptr);
    if (worker != nullptr) ended_workers_ = worker->next_worker;
  }
  if (worker == nullptr) {
    worker = new Worker;
    worker->id = next_worker_id_.fetch_add(1, std::memory_order_relaxed);  // only unique
  }
  worker->set_processor(processor);
  worker->spinning = spinning;
  worker->random = static_cast<uint32_t>(MonotonicNanos()) | 1;
  {
    SpinLockHolder hold(lock_);
    worker->next_worker = all_workers_;
    all_workers_ = worker;
  }
  const int threads = runtime_threads_.fetch_add(1, std::memory_order_relaxed) + 1;  // a count
  const int limit = max_threads_.load(std::memory_order_relaxed);                    // a setting
  if (threads > limit) {
    Fatal(absl::StrCat("thread exhaustion: the program exceeds the limit of ", limit,
                       " threads (SetMaxThreads)"));
  }
  if (pthread_create(&worker->thread, nullptr, &WorkerMain, worker) != 0) {
    Fatal("cannot start a worker thread: raise the limit of threads (ulimit -u)");
  }
}

void* Scheduler::WorkerMain(void* argument) {
  auto* worker = static_cast<Worker*>(argument);
  pthread_setname_np(pthread_self(), "weft-worker");
  prctl(PR_SET_TIMERSLACK, 1'000);  // ns; the default would make every timer up to 50 µs late
  worker->locals = CurrentThreadLocals();
  worker->locals->worker = worker;
  PrepareWorkerStack(worker->locals);
  worker->eh = ThreadEhGlobals();
  worker->sanitizer.InitForThread();
  const race::Ignore ignore;
  Scheduler& scheduler = Instance();
  scheduler.Hold(worker, worker->processor());
  scheduler.Loop(worker);
  ThreadLocals* locals = CurrentThreadLocals();
  locals->worker = nullptr;
  ReleaseWorkerStack(locals);
  return nullptr;
}

void Scheduler::Stop() {
  const race::Ignore ignore;
  sysmon_.Stop();
  Worker* idle;
  Worker* all;
  {
    SpinLockHolder hold(lock_);
    // Relaxed: written and read under the lock.
    stopping_.store(true, std::memory_order_relaxed);
    idle = std::exchange(idle_workers_, nullptr);
    // Here, so that a keeper whose timer is due just now does not take itself off a list that is
    // gone.
    for (Worker* worker = idle; worker != nullptr; worker = worker->next_idle) {
      worker->in_idle_list = false;
    }
    all = std::exchange(all_workers_, nullptr);
    keeper_ = nullptr;
    keeper_deadline_ = TimerQueue::kNever;
  }
  while (idle != nullptr) {
    Worker* worker = idle;
    idle = worker->next_idle;
    worker->wake.Set();
  }
  while (all != nullptr) {
    Worker* worker = all;
    all = worker->next_worker;
    pthread_join(worker->thread, nullptr);
    delete worker;
  }
  runtime_threads_.store(0, std::memory_order_relaxed);  // a count
  // ORDER(sched.started): release; pairs with the acquire in EnsureStarted().
  started_.store(false, std::memory_order_release);
}

void Scheduler::Freeze() {
  frozen_.store(true, std::memory_order_relaxed);  // a request
  for (int i = 0; i < allocated_processors(); ++i) Interrupt(processor(i));
}

int Scheduler::LiveFibers() const {
  // Ends are read first: what has ended has started, so the sum is never too low for what the
  // caller knows of.
  // Relaxed: statistics; exact whenever nothing starts or ends meanwhile.
  int64_t live = 0;
  const int n = allocated_processors();
  // ORDER(fiber.ended): acquire; pairs with the release in ReturnFiber().
  live -= ended_without_processor_.load(std::memory_order_acquire);
  for (int i = 0; i < n; ++i) live -= processor(i)->ended.load(std::memory_order_acquire);
  for (int i = 0; i < n; ++i) live += processor(i)->started.load(std::memory_order_relaxed);
  live += started_by_threads_.load(std::memory_order_relaxed);
  return static_cast<int>(live);
}

int64_t Scheduler::StacksInUse() const {
  int64_t in_use = StackArena::Instance().outstanding();
  for (int i = 0; i < allocated_processors(); ++i) {
    for (const Atom<int>& count : processor(i)->stack_count) {
      in_use -= count.load(std::memory_order_relaxed);  // statistic
    }
  }
  return in_use;
}

bool Scheduler::WaitUntilNoFibers(int64_t deadline_ns) {
  draining_.store(true,
                  std::memory_order_relaxed);  // fibers that miss it are met by the time-out below
  bool none;
  for (;;) {
    // ORDER(drain): acquire; pairs with the release in ReturnFiber().
    const uint32_t seen = drained_.load(std::memory_order_acquire);
    none = LiveFibers() == 0;
    const int64_t now = MonotonicNanos();
    if (none || now >= deadline_ns) break;
    // The end of a fiber bumps the word; it does so without a fence, so look again every
    // millisecond.
    FutexWait(drained_, seen, std::min(deadline_ns, now + 1'000'000));
  }
  draining_.store(false, std::memory_order_relaxed);  // as above
  if (none) race::Acquire(this);
  return none;
}

void Scheduler::ArmTimer(SchedTimer* timer, int64_t when_ns) {
  CheckNotForked();
  const race::Ignore ignore;
  {
    const PinProcessor pin;
    if (Worker* worker = pin.worker()) {
      Processor* processor = worker->processor();
      processor->timers.Add(timer, when_ns);
      processor->round_mask = Processor::kRoundMaskTimers;
      return;
    }
  }
  ArmTimerOutside(timer, when_ns);
}

void Scheduler::ArmTimerOutside(SchedTimer* timer, int64_t when_ns) {
  const race::Ignore ignore;
  EnsureStarted();
  processor(0)->timers.Add(timer, when_ns);
  WakeForTimer(when_ns);
}

int64_t Scheduler::EarliestTimer() const {
  int64_t earliest = TimerQueue::kNever;
  for (int i = 0; i < allocated_processors(); ++i) {
    earliest = std::min(earliest, processor(i)->timers.next_when());
  }
  return earliest;
}

}  // namespace weft::sched_internal
