// The protocol of Mutex under all schedules, on the C++ memory model.
#include "weft/sync/mutex.h"

#include <optional>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"
#include "weft/sync/testing/model_timer.h"

namespace weft {
namespace {

namespace model = sched_internal::model;
using model::Preemptions;
using model::Program;
using model::Random;
using model::Var;

struct State {
  std::optional<Mutex> mu{std::in_place};
  Var<int> data{0};
};

void Increment(State& s) {
  s.mu->lock();
  s.data.Set(s.data.Get() + 1);
  s.mu->unlock();
}

TEST(MutexModelTest, ExcludesTwo) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    for (int i = 0; i < 2; ++i) p.Thread([&s] { Increment(s); });
    p.Finally([&s] { model::Check(s.data.Get() == 2); });
  });
}

TEST(MutexModelTest, ExcludesTwoThatComeAgain) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 2; ++i) {
          p.Thread([&s] {
            Increment(s);
            Increment(s);
          });
        }
        p.Finally([&s] { model::Check(s.data.Get() == 4); });
      },
      Preemptions(4));
}

// Queues of two, wake-ups in flight, barging: within a bound on preemptions.
TEST(MutexModelTest, ExcludesThree) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 3; ++i) p.Thread([&s] { Increment(s); });
        p.Finally([&s] { model::Check(s.data.Get() == 3); });
      },
      Preemptions(3));
}

// Long queues, hand-over to those who were beaten twice: drawn at random.
TEST(MutexModelTest, ExcludesThreeThatComeAgain) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 3; ++i) {
          p.Thread([&s] {
            for (int n = 0; n < 4; ++n) Increment(s);
          });
        }
        p.Finally([&s] { model::Check(s.data.Get() == 12); });
      },
      Random(100'000));
}

// The one who locks it last destroys it while others may be on their way out of unlock().
TEST(MutexModelTest, MayBeDestroyedByWhoLocksItLast) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 3; ++i) {
          p.Thread([&s] {
            s.mu->lock();
            s.data.Set(s.data.Get() + 1);
            const bool last = s.data.Get() == 3;
            s.mu->unlock();
            if (last) s.mu.reset();
          });
        }
      },
      Preemptions(3));
}

// One gives up while others unlock and wait: it must not take the wake-up of the next with it.
model::ProgramFn TimedAgainst(int others) {
  return [others](Program& p) {
    auto& clock = p.Make<sync_testing::ModelTimer>();
    auto& s = p.Make<State>();
    p.Thread([&s] {
      if (!s.mu->TryLockFor(absl::Seconds(1))) return;
      s.data.Set(s.data.Get() + 1);
      s.mu->unlock();
    });
    for (int i = 0; i < others; ++i) p.Thread([&s] { Increment(s); });
    p.Thread([&clock] { clock.Fire(); });
    p.Finally([&s, others] { model::Check(s.data.Get() >= others && s.mu->try_lock()); });
  };
}

TEST(MutexModelTest, ATimedLockAgainstItsDeadline) {
  model::ExpectSound(TimedAgainst(1), Preemptions(3));
}

TEST(MutexModelTest, ATimedLockAmongTwoAgainstItsDeadline) {
  model::ExpectSound(TimedAgainst(2), Random(50'000));
}

TEST(MutexModelTest, TryLockExcludes) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&s] { Increment(s); });
    p.Thread([&s] {
      if (!s.mu->try_lock()) return;
      s.data.Set(s.data.Get() + 1);
      s.mu->unlock();
    });
    p.Finally([&s] { model::Check(s.data.Get() >= 1 && s.mu->try_lock()); });
  });
}

}  // namespace
}  // namespace weft
