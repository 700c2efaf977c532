// How many scheduling points a second: each is a choice among the ready fibers, and mostly a
// switch.
#include <cstdint>

#include "benchmark/benchmark.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/testing/sim.h"

namespace weft {
namespace {

void Points(benchmark::State& state, sim::Search search) {
  const int fibers = static_cast<int>(state.range(0));
  const auto program = [fibers] {
    for (int i = 0; i < fibers; ++i) {
      Go([] {
        int object = 0;
        for (int k = 0; k < 1000; ++k) {
          sched_internal::SimPoint(sched_internal::Op::kAtomicWrite, &object);
        }
      });
    }
  };
  int64_t points = 0;
  sim::Options options;
  options.search = search;
  options.runs = 1;
  for (auto _ : state) {
    points += sim::Run(options, program).points;
    ++options.seed;
  }
  state.SetItemsProcessed(points);
}

void BM_RandomPoints(benchmark::State& state) { Points(state, sim::Search::kRandom); }
void BM_PctPoints(benchmark::State& state) { Points(state, sim::Search::kPct); }

// A whole world: made, run through, taken down.
void BM_ShortRun(benchmark::State& state) {
  sim::Options options;
  options.runs = 1;
  for (auto _ : state) {
    sim::Run(options, [] { Go([] {}); });
    ++options.seed;
  }
}

BENCHMARK(BM_RandomPoints)->Arg(2)->Arg(8)->Arg(64);
BENCHMARK(BM_PctPoints)->Arg(2)->Arg(8)->Arg(64);
BENCHMARK(BM_ShortRun);

}  // namespace
}  // namespace weft
