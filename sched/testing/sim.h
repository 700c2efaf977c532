// sim.h: runs a concurrent program under a scheduler whose every choice comes from a seed.
//
// Run() executes fn() and all fibers that it starts on the calling thread, again and again, each
// time in another order: which fiber goes on after each operation of weft, which ready case a
// select takes, which of two timers that are due together is first. Time is virtual: it starts at
// 2000-01-01 00:00:00 UTC and advances only when every fiber waits. A panic, a fatal error, a
// deadlock, a failed Check(), a fiber that is left behind, and a run without end are failures; the
// first one ends it, is shrunk to the schedule with the fewest preemptions that still fails so, and
// is told step by step.
//
// Go: none; testing/synctest has the clock (synctest.h), not the orders.
//
// Thread safety: Run() may be called on several threads at once: each has its own world. What the
//   program shares with other threads or with later runs is up to it: fn() must begin afresh.
// Blocks: the calling thread, which must not be a fiber of a simulated world.
// Ordering: none is simulated: fibers see each other's writes in program order. What plain data the
//   fibers share without a lock is ThreadSanitizer's to find; reordered atomics are model.h's.
// Lifetime: everything that fn() makes may die with it, if no fiber is left. After a failure the
//   fibers that remain are abandoned, not unwound: what they own is lost.
// Misuse: a program that depends on anything but its seed (time(), addresses, other threads) does
//   not repeat itself; a fiber that waits for another thread is a deadlock.
// Cost: see README.md; a run of a small program takes some microseconds.
//
//   weft::sim::Result result = weft::sim::Run({.runs = 1000}, [] {
//     int shared = 0;
//     …
//     weft::sim::Check(shared == 2, "an update was lost");
//   });
//   if (!result.passed) std::fputs(result.report.c_str(), stderr);
#ifndef WEFT_SCHED_TESTING_SIM_H_
#define WEFT_SCHED_TESTING_SIM_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace weft::sim {

enum class Search {
  kMixed,       // by the seed: one of the next two, with varying parameters
  kRandom,      // at every point a fair choice among those who can run
  kPct,         // random priorities with `pct_depth` - 1 changes: finds bugs of that depth
  kExhaustive,  // every schedule within `preemptions`, for programs with a few dozen points
};

struct Options {
  Search search = Search::kMixed;
  // Of the first run; the next run has the next one.
  uint64_t seed = 1;
  // At most so many runs, unless one fails before.
  int64_t runs = 100;
  int pct_depth = 3;
  // kExhaustive: at most so many preemptions in one run; negative: no bound.
  int preemptions = -1;
  // kExhaustive without a bound: leaves out runs that are equivalent to others, given that fibers
  // share data through weft's operations only.
  bool reduction = true;
  // How often a Try-form that would succeed fails for no reason, and how often Fault() is true. For
  // kExhaustive: 0 never, else both ways.
  double spurious_failures = 0;
  double faults = 0.1;
  // More scheduling points than this in one run are a failure.
  int64_t max_points = 1'000'000;
  // How much virtual time the others have to end when fn() has returned, and whether they may not.
  absl::Duration drain = absl::Minutes(1);
  bool may_leave_fibers = false;
  // Whether to look for the fewest preemptions when a run fails, and how many runs that may take.
  bool shrink = true;
  int64_t shrink_runs = 3000;
  // Not empty: one run by this schedule, nothing else.
  std::string schedule = {};
};

struct Result {
  bool passed = true;
  // What went wrong, in one line.
  std::string failure;
  // That, every fiber with its stack and what it waits for, the schedule step by step, and how to
  // repeat it.
  std::string report;
  // Of the failed run, or else of the last one.
  uint64_t seed = 0;
  std::string schedule;  // shrunk, if it was
  int preemptions = 0;   // in it
  // Whether all schedules with fewer preemptions were tried and passed.
  bool fewest = false;
  std::string trace;  // what happened, byte by byte: the same for the same seed, in any process
  uint64_t trace_hash = 0;
  // Counts over all runs, without those of shrinking.
  int64_t runs = 0;
  int64_t redundant = 0;  // of them, cut as equivalent to others
  int64_t distinct = 0;   // different traces
  int64_t points = 0;     // scheduling points
  // kExhaustive: nothing within the bounds is left to be explored.
  bool complete = false;

  // The counts, in one line.
  std::string Summary() const;
};

Result Run(const Options& options, const std::function<void()>& fn);

// `options`, changed by WEFT_SEED (one run of that seed), WEFT_SIM_RUNS and WEFT_SIM_SCHEDULE, as
// far as they are set: what a failure's report says how to repeat it by.
Options FromEnvironment(Options options);

// --- For the program under simulation. Outside of one Check() and Fail() end the process. ---

// Ends the run as failed.
[[noreturn]] void Fail(std::string_view what);
inline void Check(bool condition, std::string_view what) {
  if (!condition) Fail(what);
}

// A number below n (at least 1), drawn by the search. Outside: 0.
uint32_t Choose(uint32_t n);

// Whether the caller is simulated.
bool Active();

// Runs fn() as one step: operations in it that do not wait are no scheduling points. For what a
// test prepares.
void Atomically(const std::function<void()>& fn);

}  // namespace weft::sim

#endif  // WEFT_SCHED_TESTING_SIM_H_
