#include "weft/sched/testing/synctest.h"

#include <cstdlib>
#include <memory>
#include <thread>  // NOLINT: a world needs a plain thread

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/sim_world.h"

namespace weft::synctest {

using sim_internal::World;

namespace {

std::unique_ptr<sim_internal::Strategy> MakeStrategy() {
  const char* seed = std::getenv("WEFT_SEED");
  if (seed == nullptr || *seed == '\0') return sim_internal::MakeReplay({});
  return sim_internal::MakeRandomWalk(std::strtoull(seed, nullptr, 10), /*stay=*/0, {0, 0});
}

std::string RunOnThread(const std::function<void()>& fn, std::string* report) {
  sim_internal::WorldOptions options;
  options.bubble_rules = true;
  options.stacks = true;
  options.max_points = INT64_MAX;
  const auto strategy = MakeStrategy();
  World world(strategy.get(), options);
  world.Execute(fn);
  if (report != nullptr) *report = world.report();
  return world.failure();
}

}  // namespace

std::string Run(const std::function<void()>& fn, std::string* report) {
  if (World::Current() != nullptr) Fatal("synctest.Run called from within a synctest bubble");
  if (!InFiber()) return RunOnThread(fn, report);
  std::string failure;
  std::thread([&] { failure = RunOnThread(fn, report); }).join();
  return failure;
}

void Test(const std::function<void()>& fn) {
  std::string report;
  if (!Run(fn, &report).empty()) ADD_FAILURE() << report;
}

void Wait() {
  World* world = World::Current();
  if (world == nullptr || !InFiber()) Panic("fiber is not in a bubble");
  world->WaitForOthers();
}

void Sleep(absl::Duration d) {
  weft::Sleep(d);
  Wait();
}

}  // namespace weft::synctest
