// Prints what the prologues of -fsplit-stack cost: the time of each workload compiled with them
// over its time compiled without. The two take turns, and the best time of each counts.
//
//   ./bazelw run --config=bench //sched/testing:stack_cost
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "weft/sched/go.h"
#include "weft/sched/main.h"
#include "weft/sched/testing/stack_cost_workloads.h"

namespace weft::stack_cost {
namespace {

constexpr int kTurns = 60;

double Seconds(uint64_t (*run)(), uint64_t* result) {
  const auto start = std::chrono::steady_clock::now();
  *result = run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int Compare() {
  double log_sum[2] = {0, 0};
  int count[2] = {0, 0};
  for (int i = 0; i < kWorkloads; ++i) {
    const Workload& with = with_checks::kAll[i];
    const Workload& without = without_checks::kAll[i];
    double best_with = 1e9, best_without = 1e9;
    for (int turn = 0; turn < kTurns; ++turn) {
      uint64_t a = 0, b = 0;
      best_with = std::min(best_with, Seconds(with.run, &a));
      best_without = std::min(best_without, Seconds(without.run, &b));
      if (a != b) return 1;
    }
    const double ratio = best_with / best_without;
    log_sum[with.calls_much] += std::log(ratio);
    ++count[with.calls_much];
    std::printf("%-10s %-5s %8.1f us without, %8.1f us with: %.3f\n", with.name,
                with.calls_much ? "calls" : "loops", best_without * 1e6, best_with * 1e6, ratio);
  }
  std::printf("geometric mean: calls %.3f, loops %.3f\n", std::exp(log_sum[1] / count[1]),
              std::exp(log_sum[0] / count[0]));
  return 0;
}

}  // namespace
}  // namespace weft::stack_cost

int main(int argc, char** argv) { return weft::Main(argc, argv, &weft::stack_cost::Compare); }
