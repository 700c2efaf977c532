#include "weft/sched/testing/sim.h"

#include <cstdlib>
#include <thread>  // NOLINT: a world needs a plain thread
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/sim_runner.h"

namespace weft {
namespace sim_internal {
namespace {

// The strategy of a sampling run, by its seed alone: so the seed is all that is needed to repeat
// it.
std::unique_ptr<Strategy> MakeSampling(const sim::Options& options, uint64_t seed) {
  const Rates rates = {options.spurious_failures, options.faults};
  switch (options.search) {
    case sim::Search::kPct:
      return MakePct(seed, options.pct_depth, rates);
    case sim::Search::kRandom:
      return MakeRandomWalk(seed, /*stay=*/0, rates);
    default:
      break;
  }
  switch (seed % 4) {
    case 0:
      return MakeRandomWalk(seed, /*stay=*/0, rates);
    case 1:
      return MakeRandomWalk(seed, /*stay=*/0.8, rates);
    default:
      return MakePct(seed, 1 + static_cast<int>(seed / 4 % 4), rates);
  }
}

}  // namespace

Outcome Runner::RunOnce(Strategy* strategy, bool verbose) {
  WorldOptions world_options;
  world_options.max_points = options_.max_points;
  world_options.drain = options_.drain;
  world_options.may_leave_fibers = options_.may_leave_fibers;
  world_options.stacks = verbose;
  world_options.verbose = verbose;
  World world(strategy, world_options);
  world.Execute(fn_);
  Outcome outcome;
  outcome.failed = world.failed();
  outcome.failure = world.failure();
  outcome.report = world.report();
  outcome.schedule = world.schedule();
  outcome.trace = world.trace();
  outcome.trace_hash = world.trace_hash();
  outcome.points = world.points();
  if (verbose) outcome.story = TellStory(world);
  const std::string found = verdict_ ? verdict_() : std::string();
  if (!outcome.failed && !found.empty()) {
    outcome.failed = true;
    outcome.failure = found.substr(0, found.find('\n'));
    outcome.report = absl::StrCat(found, "\n");
  }
  return outcome;
}

Outcome Runner::Repeat(const sim::Schedule& schedule, bool verbose) {
  const std::unique_ptr<Strategy> strategy = MakeReplay(schedule);
  return RunOnce(strategy.get(), verbose);
}

sim::Result Runner::RunAll() {
  sim::Result result;
  if (!options_.schedule.empty()) {
    const auto schedule = sim::ParseSchedule(options_.schedule);
    if (!schedule.has_value()) Panic("sim: not a schedule: " + options_.schedule);
    result.runs = result.distinct = 1;
    return Fill(result, Repeat(*schedule, /*verbose=*/true));
  }
  const bool exhaustive = options_.search == sim::Search::kExhaustive;
  std::unique_ptr<Strategy> search;
  if (exhaustive) {
    const Rates rates = {options_.spurious_failures, options_.faults};
    search = MakeExhaustive({options_.preemptions, options_.reduction, rates});
  }
  std::unordered_set<uint64_t> traces;
  Outcome outcome;
  while (result.runs < options_.runs && !result.complete) {
    result.seed = options_.seed + static_cast<uint64_t>(result.runs);
    if (!exhaustive) search = MakeSampling(options_, result.seed);
    outcome = RunOnce(search.get(), /*verbose=*/false);
    ++result.runs;
    result.points += outcome.points;
    if (search->redundant()) {
      ++result.redundant;
    } else {
      traces.insert(outcome.trace_hash);
    }
    if (outcome.failed) break;
    result.complete = !search->End();
  }
  result.distinct = static_cast<int64_t>(traces.size());
  result.complete &= exhaustive;
  return Fill(result, outcome);
}

// What a failed run is told as: shrunk, and run once more to be watched.
sim::Result Runner::Fill(sim::Result result, const Outcome& outcome) {
  Outcome best = outcome;
  const bool by_seed = options_.schedule.empty() && options_.search != sim::Search::kExhaustive;
  if (outcome.failed && options_.schedule.empty()) {
    if (options_.shrink) {
      DropDeviations(&best);
      result.fewest = SearchBelow(&best);
    }
    Outcome told = Repeat(best.schedule, /*verbose=*/true);
    // Of a program that does not repeat itself the first account has to do.
    if (told.failed) best = std::move(told);
  }
  result.passed = !outcome.failed;
  result.schedule = sim::FormatSchedule(best.schedule);
  result.preemptions = sim::CountPreemptions(best.schedule);
  result.trace = outcome.trace;
  result.trace_hash = outcome.trace_hash;
  if (result.passed) return result;
  result.failure = best.failure;
  result.report = absl::StrFormat("%s\nThe schedule, with %d preemption%s%s:\n\n%s\n", best.report,
                                  result.preemptions, result.preemptions == 1 ? "" : "s",
                                  result.fewest ? " (the fewest)" : "", best.story);
  if (by_seed) absl::StrAppendFormat(&result.report, "WEFT_SEED=%d\n", result.seed);
  absl::StrAppendFormat(&result.report, "WEFT_SIM_SCHEDULE='%s'\n", result.schedule);
  return result;
}

sim::Result RunWithVerdict(const sim::Options& options, const std::function<void()>& fn,
                           const Runner::Verdict& verdict) {
  if (sim::Active()) Fatal("sim::Run called within a simulated world");
  if (!InFiber()) return Runner(options, fn, verdict).RunAll();
  sim::Result result;
  std::thread([&] { result = Runner(options, fn, verdict).RunAll(); }).join();
  return result;
}

}  // namespace sim_internal

namespace sim {

using sim_internal::World;

Result Run(const Options& options, const std::function<void()>& fn) {
  return sim_internal::RunWithVerdict(options, fn, nullptr);
}

Options FromEnvironment(Options options) {
  const auto get = [](const char* name) -> const char* {
    const char* text = std::getenv(name);
    return text != nullptr && *text != '\0' ? text : nullptr;
  };
  if (const char* runs = get("WEFT_SIM_RUNS")) options.runs = std::strtoll(runs, nullptr, 10);
  if (const char* seed = get("WEFT_SEED")) {
    options.seed = std::strtoull(seed, nullptr, 10);
    options.runs = 1;
  }
  if (const char* schedule = get("WEFT_SIM_SCHEDULE")) options.schedule = schedule;
  return options;
}

std::string Result::Summary() const {
  return absl::StrFormat("%d runs%s, %d redundant, %d distinct, %d scheduling points", runs,
                         complete ? " (complete)" : "", redundant, distinct, points);
}

void Fail(std::string_view what) {
  if (World* world = World::Current()) world->Fail(what);
  Fatal(what);
}

uint32_t Choose(uint32_t n) {
  World* world = World::Current();
  return world == nullptr || n < 2 ? 0 : world->Draw(n, sim_internal::ChoiceKind::kUser);
}

bool Active() { return World::Current() != nullptr; }

void Atomically(const std::function<void()>& fn) {
  World* world = World::Current();
  if (world == nullptr) return fn();
  struct Quiet {
    explicit Quiet(int* quiet) : quiet(quiet) { ++*quiet; }
    ~Quiet() { --*quiet; }
    int* quiet;
  } quiet(&world->quiet());
  fn();
}

}  // namespace sim
}  // namespace weft
