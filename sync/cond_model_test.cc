// The protocol of Cond under all schedules, on the C++ memory model.
#include "weft/sync/cond.h"

#include <optional>

#include "gtest/gtest.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/testing/model_expect.h"
#include "weft/sync/mutex.h"
#include "weft/sync/testing/model_timer.h"

namespace weft {
namespace {

namespace model = sched_internal::model;
using model::Preemptions;
using model::Program;
using model::Var;

// Waiting without spinning leaves less to explore.
using Lock = sched_internal::SpinLock;
using LockHolder = sched_internal::SpinLockHolder;

struct State {
  Lock mu;
  std::optional<Cond> cond{mu};
  Var<int> items{0};
  sched_internal::Atom<int> waiting{0};
};

void Take(State& s) {
  LockHolder lock(s.mu);
  while (s.items.Get() == 0) s.cond->Wait();
  s.items.Set(s.items.Get() - 1);
}

void Put(State& s, int n) {
  LockHolder lock(s.mu);
  s.items.Set(s.items.Get() + n);
}

// The lock is not held for the signal: it must not fall between the look at the condition and the
// wait.
TEST(CondModelTest, NoSignalIsLost) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&s] { Take(s); });
    p.Thread([&s] {
      Put(s, 1);
      s.cond->Signal();
    });
  });
}

TEST(CondModelTest, NoSignalIsLostUnderAMutex) {
  struct Locked {
    Mutex mu;
    Cond cond{mu};
    Var<bool> set{false};
  };
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<Locked>();
    p.Thread([&s] {
      MutexLock lock(s.mu);
      s.cond.Wait([&s] { return s.set.Get(); });
    });
    p.Thread([&s] {
      {
        MutexLock lock(s.mu);
        s.set.Set(true);
      }
      s.cond.Signal();
    });
  });
}

TEST(CondModelTest, EachSignalWakesOne) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 2; ++i) p.Thread([&s] { Take(s); });
        p.Thread([&s] {
          for (int i = 0; i < 2; ++i) {
            Put(s, 1);
            s.cond->Signal();
          }
        });
      },
      Preemptions(2));
}

TEST(CondModelTest, ABroadcastWakesAll) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 2; ++i) p.Thread([&s] { Take(s); });
        p.Thread([&s] {
          Put(s, 2);
          s.cond->Broadcast();
        });
      },
      Preemptions(2));
}

// Two who wait are served in the order in which they came, whatever happens between.
TEST(CondModelTest, SignalsServeInOrder) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 2; ++i) {
          p.Thread([&s] {
            LockHolder lock(s.mu);
            // Relaxed: under the lock.
            const int turn = s.waiting.fetch_add(1, std::memory_order_relaxed);
            s.cond->Wait();
            // The other may have been signalled, too, and have been faster to the mutex: what
            // counts is who was woken while the other was not.
            model::Check(s.items.Get() > turn, "overtaken");
          });
        }
        p.Thread([&s] {
          for (int i = 0; i < 2; ++i) {
            while (s.waiting.load(std::memory_order_acquire) <= i) sched_internal::CpuRelax();
            LockHolder lock(s.mu);
            s.items.Set(i + 1);
            s.cond->Signal();
          }
        });
      },
      Preemptions(1));
}

// The one who was waited for destroys the condition as soon as the wait has returned.
TEST(CondModelTest, MayBeDestroyedWhenTheWaitHasReturned) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&s] {
      Take(s);
      s.cond.reset();
    });
    p.Thread([&s] {
      LockHolder lock(s.mu);
      s.items.Set(1);
      s.cond->Signal();
    });
  });
}

// A signal that meets a waiter whose time runs out goes to it or to the next, not to nobody: each
// who has got something passes it on, so the last to be passed over would wait for ever.
TEST(CondModelTest, ASignalAgainstATimeout) {
  model::ExpectSound(
      [](Program& p) {
        auto& clock = p.Make<sync_testing::ModelTimer>();
        auto& s = p.Make<State>();
        const auto pass_on = [&s] {
          Put(s, 1);
          s.cond->Signal();
        };
        p.Thread([&s, pass_on] {
          bool took;
          {
            LockHolder lock(s.mu);
            // Without a predicate, which would find at the end of its time what it was not woken
            // for.
            took = (s.items.Get() > 0 || s.cond->WaitFor(absl::Seconds(1))) && s.items.Get() > 0;
            if (took) s.items.Set(s.items.Get() - 1);
          }
          if (took) pass_on();
        });
        p.Thread([&s, pass_on] {
          Take(s);
          pass_on();
        });
        p.Thread([&clock] { clock.Fire(); });
        p.Thread([pass_on] { pass_on(); });
      },
      Preemptions(2));
}

}  // namespace
}  // namespace weft
