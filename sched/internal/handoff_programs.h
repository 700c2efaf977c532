// Programs for the explorer over the real HandOff, RuntimeGate, IdleWorkers and queues: a worker in
// user code comes and goes while its processor is taken, given away, and retired. What only the
// holder of a processor may touch is a Var, so that two holders are a data race. A program ends
// when all fibers have run; a fiber that is left while nobody runs is what the explorer calls
// "nobody can run".
//
// Included by tests only: by handoff_model_test.cc with the real headers, and by
// handoff_mutants_test.cc with copies that have bugs. Where threads leave their processors of
// themselves: handoff_ends_programs.h.
#ifndef WEFT_SCHED_INTERNAL_HANDOFF_PROGRAMS_H_
#define WEFT_SCHED_INTERNAL_HANDOFF_PROGRAMS_H_

#include <cstdint>
#include <functional>

#include "weft/sched/internal/handoff.h"
#include "weft/sched/internal/idle_workers.h"
#include "weft/sched/internal/idle_workers_programs.h"
#include "weft/sched/internal/lifo_slot.h"
#include "weft/sched/internal/run_ring.h"
#include "weft/sched/internal/runtime_gate.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal::handoff_model {

using idle_model::Bell;
using idle_model::Chores;
using idle_model::kNever;
using idle_model::Queue;
using idle_model::Within;
using model::Program;
using model::ProgramFn;

struct Worker;

struct Processor {
  static constexpr uint32_t kPrefetchFiber = 0;

  Fiber* TakeLifo() { return lifo.Take(); }

  int id = 0;
  ProcessorState state = ProcessorState::kHeld;
  Processor* next_idle = nullptr;
  Atom<uint32_t> time_slice{0};
  Atom<Worker*> holder{nullptr};
  LifoSlot lifo;
  RunRing ring;
  model::Var<int> caches{0};  // whatever only the holder touches
};

struct Worker : RuntimeGate<Processor> {
  bool spinning = false;
  bool in_idle_list = false;
  Worker* next_idle = nullptr;
  Bell wake;
  Fiber* locked_fiber = nullptr;
  Processor* granted = nullptr;
  Bell turn;
  bool ends_with_fiber = false;
  Atom<uint32_t> started{0};      // by SpawnWorker()
  Atom<uint32_t> signaled{0};     // by StopThread()
  model::Var<bool> ended{false};  // the thread, and all that is its own
};

// The scheduler, as far as processors change hands. Worker 0 is in user code and holds the last
// processor; its fiber is fiber 0. Worker 1 sleeps, worker 2 is started when one has to be.
class Model : public HandOff<Model, Worker, Processor, Queue> {
 public:
  struct Setup {
    int processors = 1;
    int fibers = 1;
    bool in_call = false;        // fiber 0, in a BlockingRegion
    bool asked = false;          // worker 0 is in the runtime and has seen a request
    bool sleeper = true;         // there is a worker 1
    bool spare = false;          // there is a worker 2
    bool waiting = false;        // fiber 1 is in the slot of worker 0's processor
    bool locked = false;         // fiber 0 is locked to the thread of worker 0
    bool reports_sleep = false;  // falling asleep with fibers left is a failure
    bool sleeps = false;         // it is the end of the program, and somebody must find it out
  };

  explicit Model(const Setup& setup)
      : setup_(setup), count_(setup.processors), chores_(setup.fibers) {
    allocated_ = setup.processors;
    for (int i = 0; i < allocated_; ++i) all_[i].id = i;
    Hold(&workers[0], last());
    workers[0].LeaveRuntime();
    if (setup.in_call) workers[0].BeginBlocking();
    if (setup.asked) {
      workers[0].EnterRuntime();
      workers[0].interrupt.store(true, std::memory_order_relaxed);  // a request
    }
    if (setup.waiting) last()->lifo.Put(&fibers[1]);
    if (setup.locked) {
      workers[0].locked_fiber = &fibers[0];
      workers[0].interrupt.store(true, std::memory_order_relaxed);  // as LockToThread()
    }
    SpinLockHolder hold(lock_);
    for (int i = 0; i < allocated_ - 1; ++i) AddIdleProcessor(&all_[i]);
    if (setup.sleeper) ListIdleWorker(&workers[1]);
    for (Fiber& fiber : fibers) fiber.body = [] {};
  }

  // --- What HandOff and IdleWorkers ask of the scheduler. ---

  int processors() const { return count_.load(std::memory_order_relaxed); }
  int allocated_processors() const { return allocated_; }
  Processor* processor(int i) { return &all_[i]; }
  const Processor* processor(int i) const { return &all_[i]; }
  bool stopping() const { return false; }
  void CheckNotForked() const {}
  bool MayStartThread() const { return true; }
  void AskToLeave(Worker* worker) { CheckLives(worker); }
  void AskedToLeave(Worker*) {}
  void ProcessorTaken() {}
  int64_t EarliestTimer() const { return chores_.timer(); }
  // All timers are those of processor 0.
  int64_t NextTimerFor(const Processor& processor) const {
    return processor.id == 0 ? EarliestTimer() : kNever;
  }
  void StopThread(Worker* worker) {
    CheckLives(worker);
    worker->signaled.store(1, std::memory_order_relaxed);
  }
  void ThreadEnds(Worker*) {}
  void ThreadHasEnded(Worker* worker) { worker->ended.Set(true); }
  void SpawnWorker(Processor* processor, bool spinning) {
    Worker* worker = &workers[2];
    model::Check(setup_.spare, "a thread is started");
    model::Check(worker->started.load(std::memory_order_relaxed) == 0, "two threads are started");
    worker->set_processor(processor);
    worker->spinning = spinning;
    // ORDER(thread): release; as pthread_create().
    worker->started.store(1, std::memory_order_release);
  }
  void LockToThread(Worker* worker, Fiber* self) { worker->locked_fiber = self; }
  void UnlockFromThread(Worker* worker, Fiber*) { worker->locked_fiber = nullptr; }
  void ReportIfAllAsleep() {
    if (!(setup_.reports_sleep || setup_.sleeps) || !Asleep()) return;
    model::Check(setup_.sleeps || chores_.left() == 0, "a false report of a deadlock");
    if (setup_.sleeps) EndAll();
  }

  // --- What a fiber does on worker 0. ---

  // As PinProcessor.
  void Use(Worker* worker) {
    worker->EnterRuntime();
    if (Processor* mine = worker->processor()) mine->caches.Set(mine->caches.Get() + 1);
    worker->LeaveRuntime();
  }

  // As MakeReadyNext().
  void Submit(Worker* worker, int fiber) {
    Fiber* one = &fibers[fiber];
    one->data.Set(7);
    worker->EnterRuntime();
    if (Processor* mine = worker->processor()) {
      if (Fiber* displaced = mine->lifo.Put(one)) PushLocal(worker, displaced);
    } else {
      PushGlobal(&one, 1);
    }
    worker->LeaveRuntime();
  }

  // Its fiber 0 ends.
  void End(Worker* worker) {
    worker->EnterRuntime();
    CountOff();
    Work(worker);
  }

  // The same, and its thread with it.
  void EndWithThread(Worker* worker) {
    worker->EnterRuntime();
    CountOff();
    EndsWithFiber(worker);
    Work(worker);
  }

  // It waits: until a plain thread makes it ready, or for ever.
  void Park(Worker* worker) {
    worker->EnterRuntime();
    // ORDER(parked): release; pairs with the acquire in AwaitParked().
    parked_.store(true, std::memory_order_release);
    Work(worker);
  }

  // The same; the thread goes on with the fiber in the slot, unless it has lost the processor.
  void EndAlone(Worker* worker) {
    worker->EnterRuntime();
    ResetRequests(worker);
    CountOff();
    Processor* mine = worker->processor();
    if (mine == nullptr) return;
    mine->caches.Set(mine->caches.Get() + 1);
    if (mine->TakeLifo() != nullptr) CountOff();
  }

  // As EndWithFiber().
  void EndsWithFiber(Worker* worker) {
    worker->locked_fiber = nullptr;
    worker->ends_with_fiber = true;
    worker->interrupt.store(true, std::memory_order_relaxed);  // read by the same thread
  }

  // As in Regain().
  void GoBack(Worker* worker) {
    ResetRequests(worker);
    worker->LeaveRuntime();
  }

  // As Preempt() and EndBlocking(): fiber 0 goes on here, or wherever it is taken from the queue,
  // and ends.
  void GoOn(Worker* worker) { GoOnIf(TryGoOn(worker), worker); }
  void StopBlocking(Worker* worker) { GoOnIf(ReturnFromBlocking(worker), worker); }

  // Until all others have ended.
  void AwaitLast() {
    while (chores_.left() != 1) CpuRelax();
  }

  // As the handler of the signal.
  void LookForSignal(Worker* worker) {
    if (worker->signaled.load(std::memory_order_relaxed) == 0) return;
    if (worker->processor() == nullptr) StopUntilGranted(worker, &fibers[0]);
  }

  // --- The loop. ---

  void Work(Worker* worker) {
    for (;;) {
      ResetRequests(worker);
      if (worker->locked_fiber != nullptr) {
        LeaveToOthers(worker);
        if (worker->wake.ended()) return;
        RunLocked(worker);
        continue;
      }
      if (worker->ends_with_fiber) return EndWorker(worker);
      Fiber* fiber = Choose(worker);
      if (fiber == nullptr) {
        Idle(worker);
        if (worker->wake.ended()) return;
        continue;
      }
      if (worker->spinning) StopSpinningWithWork(worker);
      auto& slice = worker->processor()->time_slice;
      // Holder-only counter.
      slice.store(slice.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      if (fiber == workers[0].locked_fiber) {
        GrantTurn(worker, &workers[0]);
        Idle(worker);
        if (worker->wake.ended()) return;
        continue;
      }
      worker->LeaveRuntime();
      Use(worker);
      fiber->body();
      worker->EnterRuntime();
      CountOff();
    }
  }

  Fiber* Choose(Worker* worker) {
    Processor* mine = worker->processor();
    if (mine == nullptr) return nullptr;
    mine->caches.Set(mine->caches.Get() + 1);
    if (setup_.locked) CheckHolder(worker);
    if (mine->id >= processors()) {
      RetireProcessor(mine);
      return nullptr;
    }
    RunTimer();
    if (Fiber* fiber = mine->TakeLifo()) return fiber;
    if (Fiber* fiber = mine->ring.Pop()) return fiber;
    if (Fiber* fiber = TakeGlobal(worker, /*one=*/false)) return fiber;
    if (!StartSearching(worker)) return nullptr;
    for (int i = 0; i < allocated_; ++i) {
      if (&all_[i] == mine) continue;
      if (Fiber* fiber = all_[i].ring.StealInto(mine->ring)) return fiber;
    }
    RunTimer();
    return TakeGlobal(worker, /*one=*/false);
  }

  // The threads of worker 1 and of worker 2.
  void WorkOnceWoken() {
    Worker* worker = &workers[1];
    worker->wake.Wait(kNever);
    // It may have been woken just before the end.
    if (!worker->wake.ended()) Work(worker);
  }
  void WorkOnceStarted() {
    Worker* worker = &workers[2];
    // ORDER(thread): acquire; pairs with SpawnWorker().
    while (worker->started.load(std::memory_order_acquire) == 0) {
      if (worker->wake.ended()) return;
      CpuRelax();
    }
    Hold(worker, worker->processor());
    Work(worker);
  }

  // --- What others do. ---

  // As sysmon, who has seen worker 0 in its first fiber.
  bool Take(uint32_t blocking = 0) { return TakeProcessor(last(), {0, blocking}); }

  // As sysmon: gets somebody for what waits in the global queue.
  void Watch() {
    while (chores_.left() != 0) {
      if (AnyIdle() && GlobalSize() != 0) WakeOne();
      CpuRelax();
    }
  }

  // From a plain thread.
  void SubmitGlobal(int fiber) {
    if (setup_.locked && fiber == 0) AwaitParked();
    Fiber* one = &fibers[fiber];
    one->data.Set(7);
    PushGlobal(&one, 1);
  }
  void ArmTimer(int64_t when_ns) {
    chores_.ArmTimer(when_ns);
    WakeForTimer(when_ns);
  }

  // GOMAXPROCS(1), as SetProcessors().
  void LowerToOne() {
    {
      SpinLockHolder hold(lock_);
      count_.store(1, std::memory_order_relaxed);  // as there
      RetireIdleProcessors(1);
    }
    for (int i = 1; i < allocated_; ++i) Interrupt(&all_[i]);
  }

  // GOMAXPROCS(2), as SetProcessors().
  void RaiseToTwo() {
    {
      SpinLockHolder hold(lock_);
      count_.store(2, std::memory_order_relaxed);  // as there
      if (all_[1].state == ProcessorState::kRetired) AddIdleProcessor(&all_[1]);
    }
    if (AnyWork()) WakeIfIdle();
  }

  // At the end of a program.
  void CheckAll() {
    for (int i = 0; i < allocated_; ++i) {
      int holders = 0;
      for (const Worker& worker : workers) holders += worker.processor() == &all_[i] ? 1 : 0;
      const bool held = all_[i].state == ProcessorState::kHeld;
      model::Check(holders == (held ? 1 : 0), "a processor is lost, or held twice");
      model::Check(all_[i].ring.size() == 0 && all_[i].TakeLifo() == nullptr, "a fiber is left");
    }
    model::Check(detached() == 0 && displaced() == 0, "a worker that is back counts as detached");
  }

  Worker workers[3];
  Fiber fibers[3];

 private:
  void AwaitParked() {
    // ORDER(parked): acquire; pairs with the release in Park().
    while (!parked_.load(std::memory_order_acquire)) CpuRelax();
  }

  // Whoever reaches a thread must know that it is there.
  static void CheckLives(Worker* worker) {
    model::Check(!worker->ended.Get(), "a thread that has ended is asked to leave");
  }

  // Its turn has come: the fiber goes on, and ends, and the thread with it.
  void RunLocked(Worker* worker) {
    worker->LeaveRuntime();
    Use(worker);
    worker->EnterRuntime();
    CheckHolder(worker);
    CountOff();
    EndsWithFiber(worker);
  }

  // In the runtime: what the worker holds knows it, and nobody else holds that.
  void CheckHolder(Worker* worker) {
    Processor* mine = worker->processor();
    if (mine == nullptr) return;
    // Relaxed, all: whoever held it has dropped it before.
    model::Check(mine->holder.load(std::memory_order_relaxed) == worker,
                 "held twice, or by nobody");
    for (const Worker& other : workers) {
      model::Check(&other == worker || other.processor() != mine, "held twice");
    }
  }

  Processor* last() { return &all_[allocated_ - 1]; }

  void GoOnIf(bool goes_on, Worker* worker) {
    if (goes_on) {
      Use(worker);
      setup_.locked ? EndWithThread(worker) : End(worker);
    } else {
      Fiber* self = &fibers[0];
      PushGlobal(&self, 1);
      Work(worker);
    }
  }

  void RunTimer() {
    if (chores_.TakeTimer()) CountOff();
  }

  void CountOff() {
    if (chores_.CountOff()) EndAll();
  }

  void EndAll() {
    for (Worker& worker : workers) worker.wake.End();
    // Who waits for his turn is to have one, so that his thread returns.
    if (setup_.sleeps) workers[0].granted = &nowhere_;
    workers[0].turn.End();
  }

  const Setup setup_;
  int allocated_ = 0;
  Processor all_[2];
  Processor nowhere_;
  Atom<int> count_;
  Chores chores_;
  Atom<bool> parked_{false};
};

// `worker0` does as it says, and so does each of `others`; workers 1 and 2 work when needed.
template <typename Body, typename... Others>
ProgramFn Of(const Model::Setup& setup, Body worker0, Others... others) {
  return [=](Program& p) {
    auto& m = p.Make<Model>(setup);
    p.Thread([&m, worker0] { worker0(m, &m.workers[0]); });
    (p.Thread([&m, others] { others(m); }), ...);
    if (setup.sleeper) p.Thread([&m] { m.WorkOnceWoken(); });
    if (setup.spare) p.Thread([&m] { m.WorkOnceStarted(); });
    p.Finally([&m] { m.CheckAll(); });
  };
}

inline void TakeOnce(Model& m) { m.Take(); }
inline void TakeTwice(Model& m) {
  m.Take();
  m.Take();
}
inline void TakeFromCall(Model& m) { m.Take(/*blocking=*/1); }

// A fiber comes and goes, and ends, while its processor is taken; another waits in the slot, for
// which worker 1 is woken or started.
inline ProgramFn HogComesAndGoes(bool sleeper) {
  return Of(
      {.fibers = 2, .sleeper = sleeper, .spare = !sleeper, .waiting = true},
      [](Model& m, Worker* worker) {
        m.Use(worker);
        m.Use(worker);
        m.End(worker);
      },
      TakeOnce);
}

// The same with less around it.
inline ProgramFn HogComesAndGoesAlone() {
  return Of(
      {.fibers = 2, .waiting = true},
      [](Model& m, Worker* worker) {
        m.Use(worker);
        m.Use(worker);
        m.EndAlone(worker);
      },
      TakeOnce);
}

// The worker takes note of a request while somebody takes its processor.
inline ProgramFn HogTakesNote() {
  return Of(
      {.fibers = 2, .asked = true, .waiting = true},
      [](Model& m, Worker* worker) {
        m.GoBack(worker);
        m.Use(worker);
        m.EndAlone(worker);
      },
      TakeOnce);
}

// Two would take it.
inline ProgramFn TwoTakers() {
  return Of(
      {.fibers = 2, .waiting = true},
      [](Model& m, Worker* worker) {
        m.Use(worker);
        m.EndAlone(worker);
      },
      TakeOnce, TakeOnce);
}

// The fiber comes to a safe point. Nobody waited for its processor, so that it is idle when it has
// been taken; but a plain thread submits another fiber.
inline ProgramFn HogComesToASafePoint(int takes) {
  return Of(
      {.fibers = 2}, [](Model& m, Worker* worker) { m.GoOn(worker); },
      takes == 1 ? TakeOnce : TakeTwice, [](Model& m) { m.SubmitGlobal(1); });
}

// As above, but the fiber goes on until the other one has ended.
inline ProgramFn HogStaysAway() {
  return Of(
      {.fibers = 2},
      [](Model& m, Worker* worker) {
        m.AwaitLast();
        m.End(worker);
      },
      TakeOnce, [](Model& m) { m.SubmitGlobal(1); });
}

// A blocking call ends while its processor is retaken. In the slot another fiber waits, or not.
inline ProgramFn CallEnds(bool waiting, bool sleeper) {
  return Of(
      {.fibers = waiting ? 2 : 1,
       .in_call = true,
       .sleeper = sleeper,
       .spare = !sleeper,
       .waiting = waiting},
      [](Model& m, Worker* worker) { m.StopBlocking(worker); }, TakeFromCall);
}

// A hog makes another fiber ready, while its processor is taken.
inline ProgramFn HogSubmits() {
  return Of(
      {.fibers = 3, .waiting = true, .reports_sleep = true},
      [](Model& m, Worker* worker) {
        m.Submit(worker, 2);
        m.End(worker);
      },
      TakeOnce);
}

// The call ends when the timer that a plain thread arms has run.
inline ProgramFn PlainThreadArmsATimerMeanwhile() {
  return Of(
      {.fibers = 2, .in_call = true},
      [](Model& m, Worker* worker) {
        m.AwaitLast();
        m.StopBlocking(worker);
      },
      TakeFromCall, [](Model& m) { m.ArmTimer(5); });
}

// GOMAXPROCS goes down to the other processor, which is idle.
inline ProgramFn LoweredMeanwhile() {
  return Of(
      {.processors = 2, .fibers = 2, .spare = true, .waiting = true, .reports_sleep = true},
      [](Model& m, Worker* worker) { m.End(worker); }, TakeOnce, [](Model& m) { m.LowerToOne(); });
}

// It goes down and up again.
inline ProgramFn LoweredAndRaisedMeanwhile() {
  return Of(
      {.processors = 2, .fibers = 2, .spare = true, .waiting = true, .reports_sleep = true},
      [](Model& m, Worker* worker) { m.End(worker); }, TakeOnce,
      [](Model& m) {
        m.LowerToOne();
        m.RaiseToTwo();
      });
}

// With strict GOMAXPROCS the thread is stopped.
inline ProgramFn HogIsStopped() {
  return Of(
      {.fibers = 2, .spare = true, .waiting = true, .reports_sleep = true},
      [](Model& m, Worker* worker) {
        m.LookForSignal(worker);
        m.Use(worker);
        m.End(worker);
      },
      [](Model& m) {
        m.Take();
        m.Watch();
      });
}

}  // namespace weft::sched_internal::handoff_model

#endif  // WEFT_SCHED_INTERNAL_HANDOFF_PROGRAMS_H_
