// RunRing under all schedules of its owner and thieves: every fiber is taken once, and taken with
// all that its submitter wrote.
#include "weft/sched/internal/run_ring.h"

#include <array>
#include <atomic>

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal {

struct Fiber {
  model::Var<int> data{0};
};

namespace {

using model::Options;
using model::Program;

constexpr int kFibers = 6;

struct State {
  std::array<Fiber, kFibers> fibers;
  RunRing ring;
  std::array<RunRing, 2> thieves;
  std::array<std::array<int, kFibers>, 3> taken{};  // by thread
  int pushed = 0;

  void Push(int count) {
    for (int i = 0; i < count; ++i) {
      fibers[pushed].data.Set(7);
      model::Check(ring.Push(&fibers[pushed]), "the ring is full");
      ++pushed;
    }
  }

  // As a fiber that runs on the owner's thread and yields, `times` times with whoever comes next;
  // who runs then ends. A fiber's data stand for its context: 7 when it is saved.
  void Yield(int times) {
    Fiber* running = &fibers[pushed++];
    for (; times > 0; --times) {
      Fiber* next = nullptr;
      const RunRing::Rotation rotation = ring.Rotate(running, &next);
      if (rotation == RunRing::Rotation::kUnsuitable || rotation == RunRing::Rotation::kAlone) {
        continue;
      }
      running->data.Set(7);
      ring.FinishRotate();
      if (rotation == RunRing::Rotation::kStolen) return;
      running = next;
      model::Check(running->data.Get() == 7, "a fiber ran before it was left");
      running->data.Set(0);
    }
    running->data.Set(7);
    Take(2, running);
  }

  void Take(int who, Fiber* fiber) {
    if (fiber == nullptr) return;
    model::Check(fiber->data.Get() == 7);
    ++taken[who][fiber - fibers.data()];
  }

  void Steal(int thief) {
    RunRing& mine = thieves[thief];
    Take(thief, ring.StealInto(mine));
    while (Fiber* fiber = mine.Pop()) Take(thief, fiber);
  }

  void CheckAllTaken() {
    while (Fiber* fiber = ring.Pop()) Take(2, fiber);
    for (int i = 0; i < kFibers; ++i) {
      const int times = taken[0][i] + taken[1][i] + taken[2][i];
      model::Check(times == (i < pushed ? 1 : 0),
                   times > 1 ? "a fiber was taken twice" : "a fiber was lost");
    }
  }
};

TEST(RunRingModelTest, OwnerAndThiefTakeEachFiberOnce) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    p.Thread([&s] {
      s.Push(3);
      s.Take(2, s.ring.Pop());
      s.Take(2, s.ring.Pop());
    });
    p.Thread([&s] {
      s.Steal(0);
      s.Steal(0);
    });
    p.Finally([&s] { s.CheckAllTaken(); });
  });
}

TEST(RunRingModelTest, TwoThievesTakeEachFiberOnce) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    s.Push(3);
    p.Thread([&s] { s.Steal(0); });
    p.Thread([&s] { s.Steal(1); });
    p.Thread([&s] { s.Take(2, s.ring.Pop()); });
    p.Finally([&s] { s.CheckAllTaken(); });
  });
}

TEST(RunRingModelTest, ThievesOfAThief) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    s.Push(4);
    p.Thread([&s] { s.Steal(0); });
    p.Thread([&s] {
      s.Take(1, s.thieves[0].StealInto(s.thieves[1]));
      while (Fiber* fiber = s.thieves[1].Pop()) s.Take(1, fiber);
    });
    p.Finally([&s] { s.CheckAllTaken(); });
  });
}

TEST(RunRingModelTest, WhoYieldsIsTakenOnceAndAfterItWasLeft) {
  for (int others = 1; others <= 2; ++others) {
    model::ExpectSound([others](Program& p) {
      auto& s = p.Make<State>();
      s.Push(others);
      p.Thread([&s] { s.Yield(2); });
      p.Thread([&s] {
        s.Steal(0);
        s.Steal(0);
      });
      p.Finally([&s] { s.CheckAllTaken(); });
    });
  }
}

TEST(RunRingModelTest, TwoThievesTakeWhoYieldsOnce) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    s.Push(1);
    p.Thread([&s] { s.Yield(1); });
    p.Thread([&s] { s.Steal(0); });
    p.Thread([&s] { s.Steal(1); });
    p.Finally([&s] { s.CheckAllTaken(); });
  });
}

// The ring wraps around while a thief is at work: the owner may reuse a slot only when it has been
// read.
TEST(RunRingModelTest, SlotsAreReusedAfterTheyHaveBeenRead) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    s.Push(RunRing::kCapacity);
    p.Thread([&s] {
      s.Take(2, s.ring.Pop());
      s.Push(1);
      s.Take(2, s.ring.Pop());
      s.Push(1);
    });
    p.Thread([&s] { s.Steal(0); });
    p.Finally([&s] { s.CheckAllTaken(); });
  });
}

TEST(RunRingModelTest, OverflowTakesTheOlderHalfOrNothing) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    s.Push(RunRing::kCapacity);
    p.Thread([&s] {
      Fiber* half[RunRing::kCapacity / 2];
      const uint32_t count = s.ring.PopHalf(half);
      for (uint32_t i = 0; i < count; ++i) s.Take(2, half[i]);
      s.Push(1);
    });
    p.Thread([&s] { s.Steal(0); });
    p.Thread([&s] { s.Steal(1); });
    p.Finally([&s] { s.CheckAllTaken(); });
  });
}

}  // namespace
}  // namespace weft::sched_internal
