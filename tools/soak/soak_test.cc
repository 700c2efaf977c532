// Everything at once: fibers and threads that use all of weft in random order, on things that they
// share, while the number of processors changes. WEFT_SEED replays the dice, not the schedule;
// WEFT_STRESS=n makes it n times as long.
//
// What goes wrong here shows how parts meet; each part's own tests say what it promises.

#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/preempt_often.h"
#include "weft/sched/testing/seed.h"
#include "weft/sync/waitgroup.h"
#include "weft/tools/soak/world.h"

namespace weft::soak {
namespace {

using SoakTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, SoakTest, weft::testing::kWorkerCounts);

const Action& Draw(const std::vector<Action>& actions, Dice& dice) {
  int weights = 0;
  for (const Action& action : actions) weights += action.weight;
  int drawn = dice.Below(weights);
  for (const Action& action : actions) {
    drawn -= action.weight;
    if (drawn < 0) return action;
  }
  Broken("weights", __LINE__);
}

void Act(World& world, uint64_t seed, int steps, bool fiber) {
  std::vector<Action> actions = ChannelActions();
  actions.insert(actions.end(), SyncActions().begin(), SyncActions().end());
  if (fiber) actions.insert(actions.end(), FiberActions().begin(), FiberActions().end());
  Dice dice(seed);
  for (int i = 0; i < steps; ++i) Draw(actions, dice).step(world, dice);
}

void Soak(int steps) {
  constexpr int kFibers = 30;
  constexpr int kThreads = 2;
  const uint64_t seed = weft::testing::Seed();
  const auto world = std::make_unique<World>();
  WaitGroup fibers;
  for (int i = 0; i < kFibers; ++i) {
    fibers.Go([&, i] { Act(*world, seed + static_cast<uint64_t>(i), steps, true); });
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back(
        [&, i] { Act(*world, seed + static_cast<uint64_t>(kFibers + i), steps, false); });
  }
  for (std::thread& thread : threads) thread.join();
  fibers.Wait();
  CheckAtEnd(*world);
}

TEST_P(SoakTest, NothingIsLostAndEverybodyEnds) { Soak(weft::testing::Repeat(150)); }

TEST_P(SoakTest, AlsoWhenEachPrologueMayYield) {
  const weft::testing::PreemptOften preempt;
  Soak(weft::testing::Repeat(50));
}

// Each action does something when nobody is in its way.
TEST_P(SoakTest, EachActionAlone) {
  for (const auto* actions : {&ChannelActions(), &SyncActions(), &FiberActions()}) {
    for (const Action& action : *actions) {
      weft::testing::RunInFiber([&] {
        const auto world = std::make_unique<World>();
        Dice dice(weft::testing::Seed());
        for (int i = 0; i < 20; ++i) action.step(*world, dice);
        CheckAtEnd(*world);
      });
    }
  }
}

}  // namespace
}  // namespace weft::soak
