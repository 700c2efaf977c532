// How long a fiber that sleeps for a millisecond at a time waits beside one that computes: the gaps
// between its wake-ups. tools/bench/README.md says what each row does.

#include <algorithm>
#include <chrono>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"
#include "weft/sched/testing/hogs.h"

namespace {

using Clock = std::chrono::steady_clock;
using weft::bench::Run;
using weft::testing::Hog;
using weft::testing::Stop;

void TickerGap(benchmark::State& state, Hog* hog) {
  constexpr int kGaps = 300;
  std::vector<double> gaps;
  const auto body = [&gaps, hog](int64_t, Run& run) {
    Stop stop = false;
    weft::Go([&] {
      hog(stop);
      run.Done();
    });
    gaps.clear();
    auto last = Clock::now();
    for (int i = 0; i < kGaps; ++i) {
      weft::Sleep(absl::Milliseconds(1));
      const auto now = Clock::now();
      gaps.push_back(std::chrono::duration<double, std::nano>(now - last).count());
      last = now;
    }
    stop = true;
    while (weft::NumFiber() > 1) weft::Gosched();
  };
  weft::bench::OnFiber(state, body, /*others=*/1);
  std::sort(gaps.begin(), gaps.end());
  state.counters["p50_ns"] = gaps[gaps.size() / 2];
  state.counters["p99_ns"] = gaps[gaps.size() / 100 * 99];
  state.counters["max_ns"] = gaps.back();
}

template <Hog* hog>
void BM_TickerGap(benchmark::State& state) {
  TickerGap(state, hog);
}
#define WEFT_GAP_BENCHMARK(name, hog)          \
  BENCHMARK(BM_TickerGap<&weft::testing::hog>) \
      ->Name("BM_TickerGap/" name)             \
      ->Iterations(1)                          \
      ->UseManualTime()

WEFT_GAP_BENCHMARK("EmptyLoop", EmptyLoop);
WEFT_GAP_BENCHMARK("SmallCalls", SmallCalls);
WEFT_GAP_BENCHMARK("LongSort", LongSort<1'000'000>);
WEFT_GAP_BENCHMARK("MallocUnderMutex", MallocUnderMutex);
WEFT_GAP_BENCHMARK("LongCalls", LongCalls);

}  // namespace
