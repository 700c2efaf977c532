// The scheduler: which worker holds which processor, which fiber runs next, and who is woken when.
//
// Everything here is internal; users see go.h, park.h, timer.h, main.h and runtime.h. The protocols
// are described and argued in ../DESIGN.md.
#ifndef WEFT_SCHED_INTERNAL_SCHEDULER_H_
#define WEFT_SCHED_INTERNAL_SCHEDULER_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/global_queue.h"
#include "weft/sched/internal/handoff.h"
#include "weft/sched/internal/idle_workers.h"
#include "weft/sched/internal/processor.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/internal/sysmon.h"
#include "weft/sched/internal/worker.h"

namespace weft::sched_internal {

struct LifoWatch;
class Scheduler;

// Reports `all fibers are asleep` and ends the process if nothing can ever run again. Called when
// every processor is idle and no timer is armed. A plain thread that ends, rather than falls
// asleep, as the last one is not noticed.
void CheckDeadlock(const Scheduler& scheduler);

// What fixed stacks get by default; returns the former value.
size_t ExchangeDefaultStackBytes(size_t bytes);

// The idle workers and processors, the global queue, and the lock of all this are in IdleWorkers;
// who holds which processor, and how one is taken, in HandOff.
class Scheduler : public HandOff<Scheduler, Worker, Processor, GlobalQueue> {
 public:
  static constexpr int kMaxProcessors = 1024;

  // Never destroyed. Does not start anything.
  static Scheduler& Instance() { return instance_; }

  // Starts the runtime if it is not running: processors and sysmon. Workers are started when there
  // is work.
  void EnsureStarted() {
    // ORDER(sched.started): acquire; pairs with the release in StartSlow().
    if (!started_.load(std::memory_order_acquire)) [[unlikely]]
      StartSlow();
  }

  // ORDER(sched.started): acquire; pairs with the release in StartSlow().
  bool started() const { return started_.load(std::memory_order_acquire); }

  // In the child of a fork().
  void AfterFork();
  // Fatal if this is such a child. For everything that would wait for other threads.
  void CheckNotForked() const {
    // Relaxed: written when there was no other thread.
    if (forked_.load(std::memory_order_relaxed)) [[unlikely]]
      FailAfterFork();
  }

  // --- Making fibers runnable. Callable from workers and from plain threads. ---

  // Next on the caller's processor; from a plain thread, the global queue.
  void MakeReadyNext(Fiber* fiber);
  // Behind those that are runnable already.
  void MakeReadyLast(Fiber* fiber);

  // Whether those who make a fiber the next of theirs go on for long, as a rule, so that it pays to
  // wake an idle worker for it. Said by sysmon when it has seen one wait, until somebody has looked
  // for such fibers in vain, or found that they were not worth it. A hint.
  void ExpectWakersToGoOn(bool they_do) {
    if (wakers_go_on() != they_do) wakers_go_on_.store(they_do, std::memory_order_relaxed);
  }
  bool wakers_go_on() const { return wakers_go_on_.load(std::memory_order_relaxed); }

  // --- Leaving a fiber. Called on the fiber. ---

  // Continues another fiber, or the scheduler loop. Returns when `self` is continued, which may be
  // on another thread.
  void Leave(Worker* worker, Fiber* self, After after);
  // The same, to wait for Ready(), which has not come yet.
  void ParkFiber(Worker* worker, Fiber* self, WaitReason reason);
  // Lets the other fibers of this processor run first.
  void Yield(Worker* worker, Fiber* self);
  // After every switch, on the stack that was switched to: deals with the fiber that was left.
  void FinishSwitch(Worker* worker);

  // Runs fibers on the calling thread, whose worker this is, until FindRunnable() has no more.
  void Loop(Worker* worker);

  // --- Fibers. ---

  // A dead fiber of the given size, to be filled in. `worker` is the caller, null on plain threads.
  Fiber* TakeFiber(Worker* worker, int size_class);
  void ReturnFiber(Worker* worker, Fiber* fiber);
  uint64_t NextFiberId(Worker* worker);
  void CountStarted(Worker* worker);
  int LiveFibers() const;

  // For metrics and traces (sched_trace.cc). Statistics.
  struct Counts {
    uint64_t runnable = 0;
    uint64_t running = 0;
    uint64_t blocking = 0;
    uint64_t threads = 0;
  };
  Counts Count() const;
  uint64_t StartedFibers() const;
  // The lines of WEFT_DEBUG=schedtrace. Workers must not be stopped meanwhile.
  std::string TraceText(int64_t elapsed_ms, bool detail) const;

  // Stacks that neither a fiber that ended nor a cache has given back; exact when no fiber is alive
  // or starting.
  int64_t StacksInUse() const;

  // --- Workers that do not come back to the scheduler (handoff.h, handoff.cc). ---

  // The earliest of the timers that the holder of `processor` looks after: its own, and those of
  // the processors beyond GOMAXPROCS that fall to it.
  int64_t NextTimerFor(const Processor& processor) const;
  // At a safe point: lets others run. The fiber may go on at once if its processor had been taken
  // and another is idle.
  void Preempt(Worker* worker, Fiber* self);
  // The end of a BlockingRegion.
  void EndBlocking(Worker* worker, Fiber* self);
  // The fiber and the thread belong to each other until Unlock().
  void LockToThread(Worker* worker, Fiber* self);
  void UnlockFromThread(Worker* worker, Fiber* self);
  // A locked fiber ends, and takes its thread with it.
  void EndWithFiber(Worker* worker, Fiber* self);

  // --- Timers. ---

  void ArmTimer(SchedTimer* timer, int64_t when_ns);
  void ArmTimerOutside(SchedTimer* timer, int64_t when_ns);  // of simulated worlds
  int64_t EarliestTimer() const;

  // --- Control. ---

  // On whose behalf the number of processors is set.
  enum class SetBy : uint8_t {
    kUser,         // it stays
    kDefault,      // it follows the system from now on
    kEnvironment,  // as kUser, if nobody has set it
    kSystem,       // as kDefault, if nobody has set it, or it follows the system
  };
  // Returns the former number, which is the present one if nothing was set.
  int SetProcessors(int n, SetBy by);
  // Sets it as the environment says unless that has been done.
  void EnsureProcessors();
  // Whether it follows the system. A hint: SetProcessors() decides.
  bool follows_system() const { return follows_system_.load(std::memory_order_relaxed); }
  int SetMaxThreads(int n) {
    return max_threads_.exchange(n, std::memory_order_relaxed);
  }                                                                                    // a setting
  bool SetStrict(bool on) { return strict_.exchange(on, std::memory_order_relaxed); }  // a setting
  int processors() const { return processor_count_.load(std::memory_order_relaxed); }  // a setting
  // The i-th of the allocated processors, which may be more than are in use.
  int allocated_processors() const {
    // ORDER(sched.allocated): acquire; pairs with the release in SetProcessorsLocked().
    return allocated_.load(std::memory_order_acquire);
  }
  Processor* processor(int i) const {
    return all_[i].load(std::memory_order_relaxed);  // ordered by allocated_
  }

  // Waits until no fiber is left. False: `deadline_ns` came first. Not to be called from a fiber.
  bool WaitUntilNoFibers(int64_t deadline_ns);
  // Ends all workers. There must be no fibers left.
  void Stop();
  // For the end of the process: from now on no fiber is continued. Those that run now go on until
  // they next enter the scheduler.
  void Freeze();
  // Under Main(): all fibers asleep is fatal.
  void EnableDeadlockReport() {
    report_deadlock_.store(true, std::memory_order_relaxed);
  }  // at start

  // By whoever has just fallen asleep: reports a deadlock if nobody is awake.
  void ReportIfAllAsleep() const {
    // Relaxed: set at start.
    if (!report_deadlock_.load(std::memory_order_relaxed)) return;
    if (Asleep()) CheckDeadlock(*this);
  }

  // For sysmon. A fiber that was stopped by a signal is queued without waking anybody.
  bool NothingToDo() const {
    // ORDER(global.size): seq_cst; pairs with the store in StopUntilGranted().
    return AllIdle() && global_size_.load(std::memory_order_seq_cst) == 0;
  }
  // For sysmon, in an idle process: what the queue grew to in a peak goes back.
  void DropSpareMemory() {
    GlobalQueue::Slots memory;  // unmapped after the lock is released
    SpinLockHolder hold(lock_);
    memory = global_.TakeSpareMemory();
  }
  size_t queue_capacity() const {
    SpinLockHolder hold(lock_);
    return global_.capacity();
  }
  Sysmon& sysmon() { return sysmon_; }

  // Plain threads that sleep in Park(), for the deadlock report.
  void CountParkedThread(int delta) { parked_threads_.fetch_add(delta, std::memory_order_relaxed); }
  int parked_threads() const { return parked_threads_.load(std::memory_order_relaxed); }
  int runtime_threads() const { return runtime_threads_.load(std::memory_order_relaxed); }

 private:
  friend class IdleWorkers<Scheduler, Worker, Processor, GlobalQueue>;
  friend class HandOff<Scheduler, Worker, Processor, GlobalQueue>;

  constexpr Scheduler() = default;

  [[noreturn]] static void FailAfterFork();
  void StartSlow();
  int SetProcessorsLocked(int n) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  void MakeReady(Fiber* fiber, bool next);
  void MakeReadyFromOutside(Fiber* fiber);
  void PushNext(Worker* worker, Fiber* fiber);
  int ListWorkers(Worker** workers, int capacity, int* idle) const;
  // switching.cc. Those for fibers in NoPreempt scopes end in "InScope"; the others but Leave() and
  // SwitchToLoop() are for fibers in none.
  void SwitchTo(Worker* worker, Fiber* self, Fiber* next, After after);
  void SwitchToLoop(Worker* worker, Fiber* self, After after);
  void FinishReturn(Fiber* self);
  void FinishLeft(Worker* worker);
  void LeavePlain(Worker* worker, Fiber* self, After after);
  void LeaveAsked(Worker* worker, Fiber* self, After after);
  void ParkInScope(Worker* worker, Fiber* self, WaitReason reason);
  void YieldInScope(Worker* worker, Fiber* self);
  void YieldApart(Worker* worker, Fiber* self, bool round_is_up);
  void YieldOddly(Worker* worker, Fiber* self, RunRing::Rotation rotation);

  // The loop on a worker's own stack.
  static void* WorkerMain(void* worker);
  void RunFiber(Worker* worker, Fiber* fiber);
  Fiber* FindRunnable(Worker* worker);
  LocalFiber ChooseFiber(Worker* worker, bool asked_to_leave);
  // What HandOff asks for.
  bool MayStartThread() const;
  void AskToLeave(Worker* worker);
  void AskedToLeave(Worker* worker);
  void StopThread(Worker* worker);
  void ThreadEnds(Worker* worker);
  void ThreadHasEnded(Worker* worker);
  Fiber* Search(Worker* worker);
  Fiber* RunTimersOfAll(Worker* worker);
  Fiber* StealOnce(Worker* worker, LifoWatch& watch);
  Fiber* StealLifo(Processor* victim, LifoWatch& watch, int64_t now_ns);
  void RunOwnTimers(Processor* processor);
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }  // as lock_ says
  // One that was idle is no longer.
  void ProcessorTaken() { sysmon_.WakeIfAsleep(); }
  void SpawnWorker(Processor* processor, bool spinning);

  static Scheduler instance_;

  alignas(kCacheLinePair) Atom<bool> started_{false};
  Atom<int> processor_count_{0};
  Atom<bool> follows_system_{false};  // written under lock_
  Atom<int> allocated_{0};
  Atom<Processor*> all_[kMaxProcessors] = {};
  Atom<bool> wakers_go_on_{false};
  Atom<bool> stopping_{false};
  Atom<bool> frozen_{false};
  Atom<bool> forked_{false};
  Atom<bool> draining_{false};
  Atom<bool> report_deadlock_{false};
  Atom<int> parked_threads_{0};
  Atom<int> runtime_threads_{0};
  Atom<uint64_t> next_id_batch_{1};
  Atom<uint64_t> started_by_threads_{0};
  Atom<uint32_t> ready_by_threads_{0};
  Atom<int> next_worker_id_{0};
  Atom<uint64_t> ended_without_processor_{0};
  Atom<int> max_threads_{10'000};
  Atom<bool> strict_{false};
  Atom<uint32_t> drained_{0};  // a futex: bumped when a fiber ends while draining

  Worker* all_workers_ ABSL_GUARDED_BY(lock_) = nullptr;
  Worker* ended_workers_ ABSL_GUARDED_BY(lock_) = nullptr;  // whose threads have ended
  Sysmon sysmon_;
};

// In search.cc and handoff.cc, so that they are compiled as the scheduler is.
extern template class IdleWorkers<Scheduler, Worker, Processor, GlobalQueue>;
extern template class HandOff<Scheduler, Worker, Processor, GlobalQueue>;

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_SCHEDULER_H_
