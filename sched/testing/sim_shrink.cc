// From a schedule that fails to one with as few preemptions as can be found.
#include <algorithm>
#include <utility>

#include "weft/sched/testing/sim_runner.h"

namespace weft::sim_internal {
namespace {

// Fewer preemptions first, then fewer other choices.
std::pair<int, size_t> Weight(const sim::Schedule& schedule) {
  return {sim::CountPreemptions(schedule), schedule.size()};
}

}  // namespace

// True: it fails in the same way and is shorter than `best`, and now is `best`.
bool Runner::TryAgain(const sim::Schedule& schedule, Outcome* best) {
  ++shrink_runs_;
  Outcome outcome = Repeat(schedule, /*verbose=*/false);
  if (!outcome.failed || outcome.failure != best->failure) return false;
  if (Weight(outcome.schedule) >= Weight(best->schedule)) return false;
  *best = std::move(outcome);
  return true;
}

// Leaves out ever smaller parts, as long as that works. What a part's loss makes of the rest is
// known only afterwards: the run says by which schedule it really went.
void Runner::DropDeviations(Outcome* best) {
  for (size_t part = (best->schedule.size() + 1) / 2; part > 0;) {
    bool shorter = false;
    for (size_t at = 0; at < best->schedule.size() && !OutOfBudget();) {
      sim::Schedule rest = best->schedule;
      const auto begin = rest.begin() + static_cast<ptrdiff_t>(at);
      rest.erase(begin, begin + static_cast<ptrdiff_t>(std::min(part, rest.size() - at)));
      if (TryAgain(rest, best)) {
        shorter = true;
      } else {
        at += part;
      }
    }
    if (OutOfBudget()) return;
    if (!shorter) part /= 2;
    part = std::min(part, best->schedule.size());
  }
}

// Everything with no preemption, with one, and so on, as far as the budget goes.
bool Runner::SearchBelow(Outcome* best) {
  const Rates rates = {options_.spurious_failures, options_.faults};
  for (int bound = 0; bound < sim::CountPreemptions(best->schedule); ++bound) {
    const std::unique_ptr<Strategy> search = MakeExhaustive({bound, /*reduction=*/false, rates});
    do {
      if (OutOfBudget()) return false;
      ++shrink_runs_;
      Outcome outcome = RunOnce(search.get(), /*verbose=*/false);
      if (outcome.failed && outcome.failure == best->failure) {
        *best = std::move(outcome);
        DropDeviations(best);
        return true;  // all with fewer have passed, or failed otherwise
      }
    } while (search->End());
  }
  return true;
}

}  // namespace weft::sim_internal
