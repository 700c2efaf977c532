#include "weft/sched/internal/lifo_slot.h"

#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal {

struct Fiber {
  model::Var<int> data{0};
  model::Var<int> runs{0};

  // By whoever got it out; alone with it, or the explorer reports a race.
  void Run() {
    model::Check(data.Get() == 7);
    runs.Set(runs.Get() + 1);
  }
};

namespace {

struct State {
  LifoSlot slot;
  Fiber fibers[2];
};

// As Scheduler::StealLifo(): it has seen the fiber there before.
void StealOnce(State& s) {
  Fiber* seen = s.slot.load(std::memory_order_relaxed);
  if (seen != nullptr && s.slot.Steal(seen)) seen->Run();
}

// The holder puts two, of which the second displaces the first, and takes one.
TEST(LifoSlotModelTest, EachFiberIsGotOutOnce) {
  for (int thieves = 1; thieves <= 2; ++thieves) {
    model::ExpectSound([thieves](model::Program& p) {
      auto& s = p.Make<State>();
      p.Thread([&s] {
        for (Fiber& fiber : s.fibers) {
          fiber.data.Set(7);
          if (Fiber* displaced = s.slot.Put(&fiber)) displaced->Run();
        }
        if (Fiber* mine = s.slot.Take()) mine->Run();
      });
      for (int i = 0; i < thieves; ++i) p.Thread([&s] { StealOnce(s); });
      p.Finally([&s] {
        for (Fiber& fiber : s.fibers) model::Check(fiber.runs.Get() == 1);
      });
    });
  }
}

// A fiber that runs, and is put there again, while a thief looks at the first time: the thief gets
// the fiber as it is the second time.
TEST(LifoSlotModelTest, TheSameFiberAgainIsAsGood) {
  model::ExpectSound([](model::Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&s] {
      Fiber& fiber = s.fibers[0];
      for (int i = 0; i < 2; ++i) {
        fiber.data.Set(7);
        s.slot.Put(&fiber);
        Fiber* taken = s.slot.Take();
        if (taken == nullptr) return;  // stolen: no longer ours
        taken->Run();
      }
    });
    p.Thread([&s] { StealOnce(s); });
  });
}

// The slot with one order less: a thief that does not acquire sees a fiber that is not ready.
class RelaxedSlot : public Atom<Fiber*> {
 public:
  constexpr RelaxedSlot() : Atom<Fiber*>(nullptr) {}
  void Put(Fiber* fiber) { exchange(fiber, std::memory_order_relaxed); }
  bool Steal(Fiber* fiber) {
    return compare_exchange_strong(fiber, nullptr, std::memory_order_acquire,
                                   std::memory_order_relaxed);
  }
};

TEST(LifoSlotModelTest, WithoutReleaseTheFiberIsNotPublished) {
  model::ExpectBroken(
      [](model::Program& p) {
        auto& slot = p.Make<RelaxedSlot>();
        auto& fiber = p.Make<Fiber>();
        p.Thread([&] {
          fiber.data.Set(7);
          slot.Put(&fiber);
        });
        p.Thread([&] {
          Fiber* seen = slot.load(std::memory_order_relaxed);
          if (seen != nullptr && slot.Steal(seen)) seen->Run();
        });
      },
      "race");
}

}  // namespace
}  // namespace weft::sched_internal
