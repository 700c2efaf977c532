// The scheduler's benchmarks. tools/bench/README.md says what each does, and what its counterpart
// in Go is.

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"

namespace {

using weft::bench::OnFiber;
using weft::bench::OnFibers;
using weft::bench::Run;
using Clock = std::chrono::steady_clock;

void BM_Yield(benchmark::State& state) {
  OnFibers(state, 8, [](int64_t n) {
    for (; n > 0; --n) weft::Gosched();
  });
}
WEFT_BENCHMARK(BM_Yield);

// Each fiber starts the next and ends; the last one of a chain reports.
void Chain(Run& run, int64_t n) {
  if (n == 0) {
    run.Done();
    return;
  }
  weft::Go([&run, n] { Chain(run, n - 1); });
}

void CreateFibers(benchmark::State& state, int chains) {
  const auto start = [chains](int64_t n, Run& run) {
    for (int c = 0; c < chains; ++c) weft::Go([&run, each = n / chains] { Chain(run, each); });
  };
  OnFiber(state, start, chains);
}

void BM_CreateFibers(benchmark::State& state) { CreateFibers(state, 1); }
WEFT_BENCHMARK(BM_CreateFibers);

void BM_CreateFibersParallel(benchmark::State& state) {
  CreateFibers(state, weft::bench::Workers());
}
WEFT_BENCHMARK(BM_CreateFibersParallel);

double CpuNanoseconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](timeval t) {
    return 1e9 * static_cast<double>(t.tv_sec) + 1e3 * static_cast<double>(t.tv_usec);
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

void BM_Sleep(benchmark::State& state) {
  constexpr int kFibers = 10000;
  constexpr int kRounds = 20;
  constexpr auto kNap = std::chrono::milliseconds(20);
  std::vector<double> late(kFibers * kRounds);
  std::atomic<int> next{0};
  const double before = CpuNanoseconds();
  OnFibers(state, kFibers, [=, &late, &next](int64_t) {
    // ORDER: relaxed; a number of its own for each fiber.
    const int f = next.fetch_add(1, std::memory_order_relaxed);
    weft::Sleep(absl::FromChrono(kNap) / kFibers * f);
    for (int r = 0; r < kRounds; ++r) {
      const auto start = Clock::now();
      weft::Sleep(absl::FromChrono(kNap));
      late[f * kRounds + r] =
          std::chrono::duration<double, std::nano>(Clock::now() - start - kNap).count();
    }
  });
  const double cpu = CpuNanoseconds() - before;
  std::sort(late.begin(), late.end());
  state.counters["cpu_ns_per_sleep"] = cpu / (kFibers * kRounds);
  state.counters["late_p50_ns"] = late[late.size() / 2];
  state.counters["late_p99_ns"] = late[late.size() / 100 * 99];
}
WEFT_BENCHMARK(BM_Sleep)->Iterations(1);

}  // namespace
