// TakeLocal() beside thieves: what its holder leaves behind when it finds nothing.
#include "weft/sched/internal/local_queue.h"

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal {

struct Fiber {
  model::Var<int> runs{0};
};

namespace {

struct State {
  LifoSlot slot;
  RunRing ring;
  RunRing thief;
  Fiber in_slot;
  Fiber in_ring;
};

// One that prefers what has waited for longer: whoever finds the ring empty, although it had size,
// looks no further.
LocalFiber TakeFromTheRingFirst(LifoSlot& slot, RunRing& ring) {
  if (ring.size() != 0) return {ring.Pop(), false};
  return {slot.Take(), true};
}

template <typename Take>
auto HolderGoesIdleBesideThief(Take take) {
  return [take](model::Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&s, take] {
      s.slot.Put(&s.in_slot);
      s.ring.Push(&s.in_ring);
      while (Fiber* fiber = take(s.slot, s.ring).fiber) fiber->runs.Set(1);
    });
    p.Thread([&s] {
      if (Fiber* fiber = s.ring.StealInto(s.thief)) fiber->runs.Set(1);
    });
    p.Finally([&s] {
      model::Check(s.in_slot.runs.Get() == 1, "lost in the slot of an idle processor");
      model::Check(s.in_ring.runs.Get() == 1, "lost in the ring");
    });
  };
}

// As above, and the thief comes for the slot.
auto HolderGoesIdleBesideThiefOfTheSlot() {
  return [](model::Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&s] {
      s.slot.Put(&s.in_slot);
      s.ring.Push(&s.in_ring);
      while (Fiber* fiber = TakeLocal(s.slot, s.ring).fiber) fiber->runs.Set(1);
    });
    p.Thread([&s] {
      if (s.slot.Steal(&s.in_slot)) s.in_slot.runs.Set(1);
    });
    p.Finally([&s] {
      model::Check(s.in_slot.runs.Get() == 1, "lost in the slot of an idle processor");
      model::Check(s.in_ring.runs.Get() == 1, "lost in the ring");
    });
  };
}

TEST(LocalQueueModelTest, NothingIsLeftWhenTheHolderGoesIdle) {
  model::ExpectSound(HolderGoesIdleBesideThief(TakeLocal));
  model::ExpectSound(HolderGoesIdleBesideThiefOfTheSlot());
}

TEST(LocalQueueModelTest, WithTheRingFirstTheSlotKeepsAFiber) {
  model::ExpectBroken(HolderGoesIdleBesideThief(TakeFromTheRingFirst), "slot");
}

}  // namespace
}  // namespace weft::sched_internal
