// Runs of one program: many, one again, and ever shorter ones.
#ifndef WEFT_SCHED_TESTING_SIM_RUNNER_H_
#define WEFT_SCHED_TESTING_SIM_RUNNER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "weft/sched/testing/sim.h"
#include "weft/sched/testing/sim_schedule.h"
#include "weft/sched/testing/sim_strategy.h"
#include "weft/sched/testing/sim_world.h"

namespace weft::sim_internal {

// What a run came to.
struct Outcome {
  bool failed = false;
  std::string failure;
  std::string report;  // with stacks if verbose
  std::string story;   // if verbose
  sim::Schedule schedule;
  std::string trace;
  uint64_t trace_hash = 0;
  int64_t points = 0;
};

class Runner {
 public:
  // Says after a run of the program what it found to be wrong, besides what the world noticed; the
  // first line is what makes two failures the same. Empty: nothing.
  using Verdict = std::function<std::string()>;

  Runner(const sim::Options& options, const std::function<void()>& fn, const Verdict& verdict)
      : options_(options), fn_(fn), verdict_(verdict) {}

  sim::Result RunAll();

 private:
  Outcome RunOnce(Strategy* strategy, bool verbose);
  Outcome Repeat(const sim::Schedule& schedule, bool verbose);
  sim::Result Fill(sim::Result result, const Outcome& outcome);

  // Shrinking. Both change `best`, which fails, to something that fails in the same way.
  void DropDeviations(Outcome* best);
  // Returns whether everything below the number of preemptions that is left was tried.
  bool SearchBelow(Outcome* best);
  bool TryAgain(const sim::Schedule& schedule, Outcome* best);
  bool OutOfBudget() const { return shrink_runs_ >= options_.shrink_runs; }

  const sim::Options options_;
  const std::function<void()>& fn_;
  const Verdict verdict_;
  int64_t shrink_runs_ = 0;
};

// On a thread of its own if the caller is a fiber.
sim::Result RunWithVerdict(const sim::Options& options, const std::function<void()>& fn,
                           const Runner::Verdict& verdict);

// The events of a world, a line each.
std::string TellStory(const World& world);

}  // namespace weft::sim_internal

#endif  // WEFT_SCHED_TESTING_SIM_RUNNER_H_
