// Who decides in a simulated world: at random, by priorities, by a schedule, or one after the
// other.
#ifndef WEFT_SCHED_TESTING_SIM_STRATEGY_H_
#define WEFT_SCHED_TESTING_SIM_STRATEGY_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "weft/sched/testing/sim_schedule.h"

namespace weft::sim_internal {

// Where a choice is met: the fiber that ran last, 0 after time has passed, and a count of its own.
struct Place {
  uint32_t fiber;
  uint32_t place;
  bool yields;  // the fiber has asked for the others
};

// What a choice is about.
enum class ChoiceKind : uint8_t {
  kOrder,     // of a select's cases, of timers that are due together
  kSpurious,  // 1: a Try-form fails
  kFault,     // 1: a fault is injected
  kUser,      // sim::Choose()
};

// Something that a step has touched, by a number that is the same in every run that begins alike.
struct Access {
  uint32_t object;
  bool writes;
};

// What a fiber does from one scheduling point to the next. Two footprints that do not clash belong
// to steps that can be exchanged.
struct Footprint {
  bool all = false;  // may have touched anything
  std::vector<Access> accesses;

  bool ClashesWith(const Footprint& other) const;
  void Add(const Footprint& other);
  void Clear() {
    all = false;
    accesses.clear();
  }
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  // The next run begins.
  virtual void Begin() {}

  // Who runs: an index into `ready`, which is in the order of becoming ready, or -1 for `current`,
  // who is not in it; `current` 0: it cannot go on, or does not want to, and `ready` is not empty.
  // `ready` may have one element and no current only if WantsSteps().
  virtual int Pick(const Place& place, uint32_t current, const std::vector<uint32_t>& ready) = 0;

  // A number below n, which is at least 2.
  virtual uint32_t Choose(const Place& place, uint32_t n, ChoiceKind kind) = 0;

  // Whether EndStep() is to be called, and Pick() also where there is no choice.
  virtual bool WantsSteps() const { return false; }
  virtual void EndStep(uint32_t /*fiber*/, const Footprint& /*footprint*/) {}

  // The run has ended. Whether there is another one to be made.
  virtual bool End() { return true; }

  // Whether the run, which has just ended, was equivalent to one before.
  virtual bool redundant() const { return false; }
};

// Numbers from a seed: splitmix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t x = state_ += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(((Next() >> 32) * n) >> 32); }
  bool Chance(double p) { return static_cast<double>(Next() >> 11) < p * 9007199254740992.0; }

 private:
  uint64_t state_;
};

struct Rates {
  double spurious_failures;
  double faults;
};

// At every point a fair choice among all who can run; `stay`: the chance, besides, that the current
// one goes on without a choice.
std::unique_ptr<Strategy> MakeRandomWalk(uint64_t seed, double stay, const Rates& rates);

// PCT: the fiber of the highest random priority runs; at depth - 1 random points the priority of
// the one that runs falls below all others.
std::unique_ptr<Strategy> MakePct(uint64_t seed, int depth, const Rates& rates);

// Does as the schedule says, and the plainest thing elsewhere.
std::unique_ptr<Strategy> MakeReplay(const sim::Schedule& schedule);

struct SearchOptions {
  int preemptions;  // at most so many in a run; negative: any number
  bool reduction;   // leave out runs that are equivalent to others; only without a bound
  Rates rates;      // a kind of choice whose rate is 0 is not made
};

// Depth first through everything.
std::unique_ptr<Strategy> MakeExhaustive(const SearchOptions& options);

}  // namespace weft::sim_internal

#endif  // WEFT_SCHED_TESTING_SIM_STRATEGY_H_
