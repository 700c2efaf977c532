// The protocol of idle_word.h over the real IdleWord, RunRing and ParkToken: no work is left in a
// queue while all workers sleep. The worker here is the skeleton of the scheduler's: search, stop
// spinning, look again, sleep.
#include <array>
#include <atomic>

#include "gtest/gtest.h"
#include "weft/sched/internal/idle_word.h"
#include "weft/sched/internal/parkable.h"
#include "weft/sched/internal/run_ring.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal {

struct Fiber {
  model::Var<int> data{0};
};

namespace {

using model::Program;

// What a worker without work sleeps on: one permit.
class Permit {
 public:
  void Give() { permits_.store(1, std::memory_order_release); }
  void Take() {
    while (permits_.exchange(0, std::memory_order_acquire) == 0) CpuRelax();
  }

 private:
  Atom<int> permits_{0};
};

struct State {
  RunRing ring;   // the submitter's
  RunRing thief;  // the worker's
  IdleWord idle;
  Permit wake;
  Fiber fibers[2];
  int ran = 0;  // by the worker

  void Submit(Fiber* fiber) {
    fiber->data.Set(7);
    model::Check(ring.Push(fiber));
    if (idle.NeedsWaker() && idle.TryStartWaker()) {
      idle.RemoveIdle();
      wake.Give();
    }
  }

  void Run(Fiber* fiber) {
    model::Check(fiber->data.Get() == 7);
    ++ran;
  }

  bool Search() {
    bool found = false;
    while (Fiber* fiber = ring.StealInto(thief)) {
      found = true;
      Run(fiber);
      while (Fiber* more = thief.Pop()) Run(more);
    }
    return found;
  }

  // Holds the processor and counts as spinning.
  void Work(int fibers, bool look_again) {
    while (ran < fibers) {
      if (Search()) continue;
      idle.AddIdle();
      idle.StopSpinning();
      if (look_again && !ring.LooksEmpty() && idle.TryStartWaker()) {
        idle.RemoveIdle();
        continue;
      }
      wake.Take();
    }
    idle.StopSpinning();
  }
};

model::ProgramFn OneWorker(int fibers, bool look_again) {
  return [=](Program& p) {
    auto& s = p.Make<State>();
    s.idle.StartSpinning();
    p.Thread([&s, fibers] {
      for (int i = 0; i < fibers; ++i) s.Submit(&s.fibers[i]);
    });
    p.Thread([&s, fibers, look_again] { s.Work(fibers, look_again); });
    p.Finally([&s, fibers] { model::Check(s.ran == fibers); });
  };
}

TEST(WakingModelTest, NoWorkIsLeftWhileTheWorkerSleeps) {
  model::ExpectSound(OneWorker(1, true));
  model::ExpectSound(OneWorker(2, true));
}

TEST(WakingModelTest, WithoutLookingAgainWorkIsLeft) {
  model::ExpectBroken(OneWorker(1, false), "nobody can run");
}

struct Meeting {
  ParkToken token;
  model::Var<int> context{0};  // of the parker
  model::Var<int> message{0};  // of the notifier
  Permit run;                  // the run queue
};

// The parker saves its context, commits, and goes on when the notifier has put it into the run
// queue.
TEST(ParkTokenModelTest, OneNotificationResumesOnce) {
  model::ExpectSound([](Program& p) {
    auto& m = p.Make<Meeting>();
    p.Thread([&m] {
      for (bool early : {true, false}) {
        if (early && m.token.TryConsume()) break;
        if (early) continue;
        m.context.Set(1);
        if (m.token.Commit()) {
          m.run.Take();
          m.token.Resume();
        }
      }
      model::Check(m.message.Get() == 5);
      model::Check(!m.token.parked());
    });
    p.Thread([&m] {
      m.message.Set(5);
      const ParkToken::Notification notification = m.token.Notify();
      model::Check(notification != ParkToken::Notification::kTwice);
      if (notification != ParkToken::Notification::kMustWake) return;
      model::Check(m.context.Get() == 1);  // resuming needs the saved context
      m.run.Give();
    });
  });
}

// As above, twice in a row: the second notification comes after the second publication.
TEST(ParkTokenModelTest, TheTokenIsReused) {
  model::ExpectSound([](Program& p) {
    auto& m = p.Make<Meeting>();
    auto& round = p.Make<Atom<int>>(0);
    p.Thread([&] {
      for (int i = 1; i <= 2; ++i) {
        round.store(i, std::memory_order_release);
        if (!m.token.TryConsume() && m.token.Commit()) {
          m.run.Take();
          m.token.Resume();
        }
        model::Check(m.message.Get() == i);
      }
    });
    p.Thread([&] {
      for (int i = 1; i <= 2; ++i) {
        while (round.load(std::memory_order_acquire) != i) CpuRelax();
        m.message.Set(i);
        const ParkToken::Notification notification = m.token.Notify();
        model::Check(notification != ParkToken::Notification::kTwice);
        if (notification == ParkToken::Notification::kMustWake) m.run.Give();
      }
    });
  });
}

}  // namespace
}  // namespace weft::sched_internal
