// The protocol of RWMutex under all schedules, on the C++ memory model.
#include "weft/sync/rwmutex.h"

#include <optional>

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft {
namespace {

namespace model = sched_internal::model;
using model::Preemptions;
using model::Program;
using model::Random;
using model::Var;

struct State {
  std::optional<RWMutex> mu{std::in_place};
  Var<int> data{0};
};

void Write(State& s) {
  s.mu->lock();
  s.data.Set(s.data.Get() + 1);
  s.mu->unlock();
}

void Read(State& s) {
  s.mu->lock_shared();
  const int before = s.data.Get();
  model::Check(s.data.Get() == before);
  s.mu->unlock_shared();
}

TEST(RWMutexModelTest, AWriterExcludesAReader) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&s] { Write(s); });
    p.Thread([&s] { Read(s); });
  });
}

TEST(RWMutexModelTest, TwoWritersAndAReader) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 2; ++i) p.Thread([&s] { Write(s); });
        p.Thread([&s] { Read(s); });
        p.Finally([&s] { model::Check(s.data.Get() == 2 && s.mu->try_lock()); });
      },
      Preemptions(2));
}

TEST(RWMutexModelTest, TwoReadersAndAWriter) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 2; ++i) p.Thread([&s] { Read(s); });
        p.Thread([&s] { Write(s); });
        p.Finally([&s] { model::Check(s.mu->try_lock()); });
      },
      Preemptions(2));
}

// The last writer destroys it while readers and writers may be on their way out.
TEST(RWMutexModelTest, MayBeDestroyedByWhoLocksItLast) {
  model::ExpectSound(
      [](Program& p) {
        auto& s = p.Make<State>();
        for (int i = 0; i < 3; ++i) {
          p.Thread([&s, i] {
            if (i == 0) Read(s);
            s.mu->lock();
            s.data.Set(s.data.Get() + 1);
            const bool last = s.data.Get() == 3;
            s.mu->unlock();
            if (last) s.mu.reset();
          });
        }
      },
      Random(50'000));
}

}  // namespace
}  // namespace weft
