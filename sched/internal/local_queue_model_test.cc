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
  uint32_t streak = 0;
};

// As it was once: whoever finds the ring empty, although it had size, looks no further.
LocalFiber TakeWithoutSecondLook(LifoSlot& slot, RunRing& ring, uint32_t& streak) {
  const bool filled = slot.load(std::memory_order_relaxed) != nullptr;
  if (filled && (++streak < kMaxLifoStreak || ring.size() == 0)) return {slot.Take(), true};
  streak = 0;
  return {ring.Pop(), false};
}

template <typename Take>
auto HolderGoesIdleBesideThief(uint32_t streak, Take take) {
  return [streak, take](model::Program& p) {
    auto& s = p.Make<State>();
    s.streak = streak;
    p.Thread([&s, take] {
      s.slot.Put(&s.in_slot);
      s.ring.Push(&s.in_ring);
      while (Fiber* fiber = take(s.slot, s.ring, s.streak).fiber) fiber->runs.Set(1);
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

TEST(LocalQueueModelTest, NothingIsLeftWhenTheHolderGoesIdle) {
  for (uint32_t streak : {0u, kMaxLifoStreak - 1, kMaxLifoStreak}) {
    model::ExpectSound(HolderGoesIdleBesideThief(streak, TakeLocal));
  }
}

TEST(LocalQueueModelTest, WithoutASecondLookTheSlotKeepsAFiber) {
  model::ExpectBroken(HolderGoesIdleBesideThief(kMaxLifoStreak, TakeWithoutSecondLook), "slot");
}

// Two that wake each other get kMaxLifoStreak turns at most while another waits.
TEST(LocalQueueModelTest, TheRingHasItsTurn) {
  model::ExpectSound([](model::Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&s] {
      s.ring.Push(&s.in_ring);
      for (uint32_t turn = 1;; ++turn) {
        s.slot.Put(&s.in_slot);
        const LocalFiber next = TakeLocal(s.slot, s.ring, s.streak);
        if (next.fiber == &s.in_ring) return;
        model::Check(turn < kMaxLifoStreak, "the ring starves");
        if (turn >= kMaxLifoStreak) return;
      }
    });
  });
}

}  // namespace
}  // namespace weft::sched_internal
