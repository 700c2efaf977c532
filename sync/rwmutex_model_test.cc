// The protocol of RWMutex under all schedules, on the C++ memory model.
#include "weft/sync/rwmutex.h"

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

// A writer that has kept a reader out gives up, while the lock may have been granted to it.
TEST(RWMutexModelTest, ATimedWriterAgainstItsDeadline) {
  model::ExpectSound(
      [](Program& p) {
        auto& clock = p.Make<sync_testing::ModelTimer>();
        auto& s = p.Make<State>();
        for (int i = 0; i < 2; ++i) p.Thread([&s] { Read(s); });
        p.Thread([&s] {
          if (!s.mu->TryLockFor(absl::Seconds(1))) return;
          s.data.Set(s.data.Get() + 1);
          s.mu->unlock();
        });
        p.Thread([&clock] { clock.Fire(); });
        p.Finally([&s] { model::Check(s.mu->try_lock()); });
      },
      Random(50'000));
}

TEST(RWMutexModelTest, ATimedReaderAgainstItsDeadline) {
  model::ExpectSound(
      [](Program& p) {
        auto& clock = p.Make<sync_testing::ModelTimer>();
        auto& s = p.Make<State>();
        p.Thread([&s] { Write(s); });
        p.Thread([&s] {
          if (!s.mu->TryLockSharedFor(absl::Seconds(1))) return;
          s.data.Get();
          s.mu->unlock_shared();
        });
        p.Thread([&clock] { clock.Fire(); });
        p.Finally([&s] { model::Check(s.data.Get() == 1 && s.mu->try_lock()); });
      },
      Preemptions(3));
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
