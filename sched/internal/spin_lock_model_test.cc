// SpinLock under all schedules of two and three threads.
#include "weft/sched/internal/spin_lock.h"

#include <mutex>

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal {
namespace {

using model::Program;
using model::Var;

struct State {
  SpinLock lock;
  Var<int> data{0};
};

TEST(SpinLockModelTest, ExcludesTwoThreadsTwice) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    for (int i = 0; i < 2; ++i) {
      p.Thread([&s] {
        for (int n = 0; n < 2; ++n) {
          SpinLockHolder hold(s.lock);
          s.data.Set(s.data.Get() + 1);
        }
      });
    }
    p.Finally([&s] { model::Check(s.data.Get() == 4); });
  });
}

TEST(SpinLockModelTest, ExcludesThreeThreads) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    for (int i = 0; i < 3; ++i) {
      p.Thread([&s] {
        std::lock_guard<SpinLock> hold(s.lock);
        s.data.Set(s.data.Get() + 1);
      });
    }
    p.Finally([&s] { model::Check(s.data.Get() == 3); });
  });
}

TEST(SpinLockModelTest, TryLockExcludesAndNeverFailsOnAFreeLock) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    for (int i = 0; i < 2; ++i) {
      p.Thread([&s] {
        if (!s.lock.try_lock()) return;
        s.data.Set(s.data.Get() + 1);
        s.lock.unlock();
      });
    }
    p.Finally([&s] {
      model::Check(s.data.Get() >= 1);
      model::Check(s.lock.try_lock());
      s.lock.unlock();
    });
  });
}

TEST(SpinLockModelTest, AHolderThatReturnsIsReported) {
  model::ExpectBroken(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 2; ++i) p.Thread([&s] { s.lock.lock(); });
      },
      "nobody can run");
}

}  // namespace
}  // namespace weft::sched_internal
