// Programs for the explorer over the real IdleWorkers, IdleWord and RunRing: workers that look for
// fibers, run them and sleep, and those who submit fibers. A program ends when all fibers have run;
// a fiber that is left while all workers sleep is what the explorer calls "nobody can run".
//
// Included by tests only: by idle_workers_model_test.cc with the real headers, and by
// idle_workers_mutants_test.cc with copies that have bugs.
#ifndef WEFT_SCHED_INTERNAL_IDLE_WORKERS_PROGRAMS_H_
#define WEFT_SCHED_INTERNAL_IDLE_WORKERS_PROGRAMS_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>

#include "weft/sched/internal/idle_word.h"
#include "weft/sched/internal/idle_workers.h"
#include "weft/sched/internal/run_ring.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal {

struct Fiber {
  std::function<void()> body;
  model::Var<int> data{0};  // written by who submits it
};

namespace idle_model {

using model::Program;
using model::ProgramFn;

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// What a worker sleeps on: the contract of Futex, and the end of the program.
class Bell {
 public:
  // ORDER(bell): as Futex: Set() publishes to Wait().
  bool Wait(int64_t deadline_ns) {
    while (word_.load(std::memory_order_acquire) == 0) {
      // Time passes at once; but somebody must have done something before it does so again.
      if (deadline_ns != kNever && !std::exchange(timed_out_, true)) return false;
      CpuRelax();
      if (deadline_ns != kNever) return false;
    }
    return true;
  }
  void Set() { word_.fetch_or(kSet, std::memory_order_release); }
  void Reset() { word_.fetch_and(~kSet, std::memory_order_relaxed); }
  // The program is at its end, although the worker may just be being woken.
  bool ended() const { return (word_.load(std::memory_order_relaxed) & kEnd) != 0; }
  void End() { word_.fetch_or(kEnd, std::memory_order_release); }

 private:
  static constexpr uint32_t kSet = 1;
  static constexpr uint32_t kEnd = 2;

  Atom<uint32_t> word_{0};
  bool timed_out_ = false;
};

struct Processor {
  static constexpr uint32_t kPrefetchFiber = 0;

  int id = 0;
  ProcessorState state = ProcessorState::kHeld;
  Processor* next_idle = nullptr;
  RunRing ring;
};

struct Worker {
  Processor* processor() const { return held.Get(); }

  model::Var<Processor*> held{nullptr};
  bool spinning = false;
  bool in_idle_list = false;
  Worker* next_idle = nullptr;
  Bell wake;
};

// Under a lock, so any queue does.
class Queue {
 public:
  int size() const { return tail_ - head_; }
  void Push(Fiber* const* fibers, int count) {
    for (int i = 0; i < count; ++i) slots_[tail_++] = fibers[i];
  }
  int Pop(Fiber** out, int count) {
    const int taken = std::min(count, size());
    for (int i = 0; i < taken; ++i) out[i] = slots_[head_++];
    return taken;
  }

 private:
  std::array<Fiber*, 16> slots_ = {};
  int head_ = 0;
  int tail_ = 0;
};

// What is left to do: fibers, and one timer, which counts as a fiber.
class Chores {
 public:
  explicit Chores(int count) : left_(count) {}

  // Relaxed: a count.
  int left() const { return left_.load(std::memory_order_relaxed); }

  // True once nothing is left.
  bool CountOff() { return left_.fetch_sub(1, std::memory_order_relaxed) == 1; }

  // ORDER(timer.next): seq_cst, as TimerQueue::next_when() and PublishNext().
  int64_t timer() const { return timer_.load(std::memory_order_seq_cst); }
  void ArmTimer(int64_t when_ns) { timer_.store(when_ns, std::memory_order_seq_cst); }

  // True for whoever runs it. Time passes at once.
  bool TakeTimer() {
    // ORDER(timer.next): seq_cst, as all writes.
    return timer() != kNever && timer_.exchange(kNever, std::memory_order_seq_cst) != kNever;
  }

 private:
  Atom<int> left_;
  Atom<int64_t> timer_{kNever};
};

// The scheduler, as far as finding work and sleeping go.
class Model : public IdleWorkers<Model, Worker, Processor, Queue> {
 public:
  // Each of the first `held` workers holds a processor.
  Model(int processors, int held, int fibers) : processors_(processors), chores_(fibers) {
    SpinLockHolder hold(lock_);
    for (int i = 0; i < processors; ++i) {
      all_[i].id = i;
      if (i < held) {
        Hold(&workers[i], &all_[i]);
      } else {
        AddIdleProcessor(&all_[i]);
        ListIdleWorker(&workers[i]);
      }
    }
    for (Fiber& fiber : fibers_) fiber.body = [] {};
  }

  // --- What IdleWorkers asks of the scheduler. ---

  int processors() const { return processors_; }
  int allocated_processors() const { return processors_; }
  Processor* processor(int i) { return &all_[i]; }
  const Processor* processor(int i) const { return &all_[i]; }
  bool stopping() const { return false; }
  void Hold(Worker* worker, Processor* processor) { worker->held.Set(processor); }
  void Drop(Worker* worker) { worker->held.Set(nullptr); }
  void SpawnWorker(Processor*, bool) {
    model::Fail("as many workers as processors, so one sleeps");
  }
  int64_t EarliestTimer() const { return chores_.timer(); }
  void ProcessorTaken() {}
  void ReportIfAllAsleep() const {}

  // --- What its other parts do. ---

  // The loop of a worker.
  void Work(Worker* worker) {
    for (;;) {
      Fiber* fiber = Choose(worker);
      if (fiber == nullptr) {
        Idle(worker);
        if (worker->wake.ended()) return;
        continue;
      }
      if (worker->spinning) StopSpinningWithWork(worker);
      model::Check(fiber->data.Get() == 7, "a fiber ran before it was submitted");
      fiber->body();
      CountOff();
    }
  }

  Fiber* Choose(Worker* worker) {
    RunTimer();
    if (Fiber* fiber = worker->processor()->ring.Pop()) return fiber;
    if (Fiber* fiber = TakeGlobal(worker, /*one=*/false)) return fiber;
    if (!StartSearching(worker)) return nullptr;
    for (int i = 0; i < processors_; ++i) {
      if (&all_[i] == worker->processor()) continue;
      if (Fiber* fiber = all_[i].ring.StealInto(worker->processor()->ring)) return fiber;
    }
    RunTimer();
    return TakeGlobal(worker, /*one=*/false);
  }

  void WorkOnceWoken(Worker* worker) {
    worker->wake.Wait(kNever);
    if (!worker->wake.ended()) Work(worker);
  }

  // It has found nothing so far.
  void WorkLater(Worker* worker) {
    Idle(worker);
    if (!worker->wake.ended()) Work(worker);
  }

  bool WakeByTime(Worker* worker) { return ReturnFromIdle(worker); }

  void LetTheFirstWaitForTheSecond() {
    fibers_[0].body = [this] {
      while (second_ran_.load(std::memory_order_relaxed) == 0) CpuRelax();
    };
    fibers_[1].body = [this] { second_ran_.store(1, std::memory_order_relaxed); };
  }

  // From a plain thread.
  void SubmitGlobal(int fiber) {
    fibers_[fiber].data.Set(7);
    Fiber* one = &fibers_[fiber];
    PushGlobal(&one, 1);
  }

  // By a fiber on `worker`.
  void SubmitLocal(Worker* worker, int fiber) {
    fibers_[fiber].data.Set(7);
    PushLocal(worker, &fibers_[fiber]);
  }

  // By the fiber `self`, which runs on `worker` and has been submitted by nobody yet.
  void Yield(Worker* worker, int self) {
    Fiber* const fiber = &fibers_[self];
    Fiber* next = nullptr;
    const RunRing::Rotation rotation = worker->processor()->ring.Rotate(fiber, &next);
    if (rotation == RunRing::Rotation::kDone || rotation == RunRing::Rotation::kStolen) {
      fiber->data.Set(7);  // its context, saved
      worker->processor()->ring.FinishRotate();
      if (rotation == RunRing::Rotation::kStolen) return;
      model::Check(next->data.Get() == 7, "a fiber ran before it was submitted");
    }
    CountOff();  // `next`, or `fiber`, which goes on
  }

  // A timer, armed by a plain thread; what it does counts as a fiber.
  void ArmTimer(int64_t when_ns) {
    chores_.ArmTimer(when_ns);
    WakeForTimer(when_ns);
  }

  bool TakeUpSearch(Worker* worker) { return StartSearching(worker); }
  uint32_t searchers() const { return idle_.spinning(); }

  Worker workers[3];

 private:
  void RunTimer() {
    if (chores_.TakeTimer()) CountOff();
  }

  void CountOff() {
    if (!chores_.CountOff()) return;
    for (Worker& worker : workers) worker.wake.End();
  }

  const int processors_;
  Processor all_[3];
  Chores chores_;
  Atom<int> second_ran_{0};
  Fiber fibers_[3];
};

// Within `preemptions`, and with `old_reads` loads at most that return an old value.
inline model::Options Within(int preemptions, int old_reads = 1) {
  model::Options options;
  options.preemptions = preemptions;
  options.old_reads = old_reads;
  return options;
}

// A plain thread submits `fibers`; `workers` of as many processors start by looking for work.
inline ProgramFn PlainThreadSubmits(int workers, int fibers) {
  return [=](Program& p) {
    auto& m = p.Make<Model>(workers, workers, fibers);
    p.Thread([&m, fibers] {
      for (int i = 0; i < fibers; ++i) m.SubmitGlobal(i);
    });
    for (int i = 0; i < workers; ++i) p.Thread([&m, i] { m.Work(&m.workers[i]); });
  };
}

// A fiber submits others to its own processor's ring, and does not give the processor up: the other
// workers have to run them.
inline ProgramFn BusyFiberSubmits(int workers, int fibers) {
  return [=](Program& p) {
    auto& m = p.Make<Model>(workers, workers, fibers);
    p.Thread([&m, fibers] {
      for (int i = 0; i < fibers; ++i) m.SubmitLocal(&m.workers[0], i);
    });
    for (int i = 1; i < workers; ++i) p.Thread([&m, i] { m.Work(&m.workers[i]); });
  };
}

// A fiber submits another and yields to it; the other does not give the processor up: somebody else
// has to run the first.
inline ProgramFn BusyFiberIsYieldedTo(int workers) {
  return [=](Program& p) {
    auto& m = p.Make<Model>(workers, workers, /*fibers=*/2);
    p.Thread([&m] {
      m.SubmitLocal(&m.workers[0], 0);
      m.Yield(&m.workers[0], 1);
    });
    for (int i = 1; i < workers; ++i) p.Thread([&m, i] { m.Work(&m.workers[i]); });
  };
}

// The first fiber goes on until the second has run: whoever finds one of them must get somebody
// for the other. All workers but the first `held` sleep at the beginning.
inline ProgramFn OneFiberWaitsForTheOther(int held) {
  return [=](Program& p) {
    auto& m = p.Make<Model>(2, held, 2);
    m.LetTheFirstWaitForTheSecond();
    p.Thread([&m] {
      m.SubmitGlobal(0);
      m.SubmitGlobal(1);
    });
    for (int i = 0; i < held; ++i) p.Thread([&m, i] { m.Work(&m.workers[i]); });
    for (int i = held; i < 2; ++i) p.Thread([&m, i] { m.WorkOnceWoken(&m.workers[i]); });
  };
}

// As above, with two who submit. The worker that sleeps is up again for a timer, with the idle
// processor that the waker has in mind; so the waker is counted as a searcher for a while, and
// both the other worker and the other submitter rely on it.
inline ProgramFn WakerFindsNobody() {
  return [](Program& p) {
    auto& m = p.Make<Model>(2, /*held=*/1, 2);
    m.LetTheFirstWaitForTheSecond();
    for (int i = 0; i < 2; ++i) p.Thread([&m, i] { m.SubmitGlobal(i); });
    p.Thread([&m] { m.WorkLater(&m.workers[0]); });
    p.Thread([&m] {
      if (m.WakeByTime(&m.workers[1])) {
        m.Work(&m.workers[1]);
      } else {
        m.WorkOnceWoken(&m.workers[1]);
      }
    });
  };
}

// A plain thread arms a timer while the workers go to sleep.
inline ProgramFn PlainThreadArmsATimer(int workers) {
  return [=](Program& p) {
    auto& m = p.Make<Model>(workers, workers, 1);
    p.Thread([&m] { m.ArmTimer(5); });
    for (int i = 0; i < workers; ++i) p.Thread([&m, i] { m.Work(&m.workers[i]); });
  };
}

// Two submit while two workers sleep: the first wakes one, on whom the second may rely.
inline ProgramFn TwoSubmitToSleepers() {
  return [](Program& p) {
    auto& m = p.Make<Model>(/*processors=*/2, /*held=*/0, /*fibers=*/2);
    for (int i = 0; i < 2; ++i) p.Thread([&m, i] { m.SubmitGlobal(i); });
    p.Finally([&m] {
      const auto woken = [&m](int i) { return m.workers[i].processor() != nullptr; };
      model::Check(woken(0) || woken(1), "nobody was woken");
      model::Check(!woken(0) || !woken(1), "two were woken at once");
      model::Check(m.searchers() == 1, "whoever is woken searches");
    });
  };
}

// All three of three workers run dry at once: two search, the first one alone and the second as
// half of those who are busy.
inline ProgramFn AllRunDry() {
  return [](Program& p) {
    auto& m = p.Make<Model>(/*processors=*/3, /*held=*/3, /*fibers=*/1);
    for (int i = 0; i < 3; ++i) p.Thread([&m, i] { m.TakeUpSearch(&m.workers[i]); });
    p.Finally([&m] { model::Check(m.searchers() == 2, "more or less than half search"); });
  };
}

}  // namespace idle_model
}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_IDLE_WORKERS_PROGRAMS_H_
