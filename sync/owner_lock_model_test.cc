// The protocol of OwnerLock under all schedules, on the C++ memory model.
#include "weft/sync/internal/owner_lock.h"

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sync_internal {
namespace {

namespace model = sched_internal::model;
using model::Program;
using model::Var;

struct State {
  OwnerLock lock;
  Var<int> data{0};
};

void Use(State& s) { s.data.Set(s.data.Get() + 1); }

void RevokeAndUse(State& s) {
  const void* const owner = s.lock.Revoke(&sched_internal::CpuRelax);
  Use(s);
  s.lock.Restore(owner);
}

// Enters `times` times, if it is let in.
void Own(State& s, int times) {
  const void* const self = CurrentOwner();
  s.lock.TryClaim(self);
  for (int i = 0; i < times; ++i) {
    if (!s.lock.TryEnter(self)) continue;
    Use(s);
    s.lock.Leave();
  }
}

TEST(OwnerLockModelTest, TheOwnerExcludesWhoRevokes) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&s] { Own(s, 2); });
    p.Thread([&s] { RevokeAndUse(s); });
  });
}

TEST(OwnerLockModelTest, WhoRevokesExcludesOthersWhoDo) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&s] { Own(s, 1); });
    for (int i = 0; i < 2; ++i) p.Thread([&s] { RevokeAndUse(s); });
  });
}

TEST(OwnerLockModelTest, ThereIsOneOwner) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    for (int i = 0; i < 2; ++i) p.Thread([&s] { Own(s, 2); });
  });
}

// A fiber that is moved to another worker while it is inside leaves from there; the owner's next
// fiber comes in.
TEST(OwnerLockModelTest, AnotherThreadMayLeave) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    auto& inside = p.Make<sched_internal::Atom<bool>>(false);
    p.Thread([&] {
      const void* const self = CurrentOwner();
      s.lock.TryClaim(self);
      if (!s.lock.TryEnter(self)) return;
      Use(s);
      inside.store(true, std::memory_order_release);
      if (s.lock.TryEnter(self)) Use(s);
    });
    p.Thread([&] {
      if (!inside.load(std::memory_order_acquire)) return;
      Use(s);
      s.lock.Leave();
    });
  });
}

}  // namespace
}  // namespace weft::sync_internal
