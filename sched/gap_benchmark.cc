// How long a fiber that sleeps for a millisecond at a time waits beside one that computes: the gaps
// between its wake-ups. tools/bench/README.md says what each row does.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"

namespace {

using Clock = std::chrono::steady_clock;
using weft::bench::Run;

using Stop = std::atomic<bool>;

bool Stopped(const Stop& stop) { return stop.load(std::memory_order_relaxed); }  // nothing follows

void TickerGap(benchmark::State& state, void (*hog)(const Stop&)) {
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

void EmptyLoop(const Stop& stop) {
  while (!Stopped(stop)) {
  }
}

[[gnu::noinline]] int Small(int n) {
  asm volatile("" : "+r"(n));
  return n + 1;
}

void SmallCalls(const Stop& stop) {
  int n = 0;
  while (!Stopped(stop)) n = Small(n);
}

void LongSort(const Stop& stop) {
  std::vector<int> numbers(1'000'000);
  while (!Stopped(stop)) {
    std::iota(numbers.rbegin(), numbers.rend(), 0);
    std::sort(numbers.begin(), numbers.end());
  }
}

void MallocUnderMutex(const Stop& stop) {
  static std::mutex* mutex = new std::mutex;
  while (!Stopped(stop)) {
    std::lock_guard<std::mutex> hold(*mutex);
    void* volatile memory = std::malloc(100);
    std::free(memory);
  }
}

void LongCalls(const Stop& stop) {
  std::vector<char> text(1 << 20, 'x');
  text.back() = 0;
  while (!Stopped(stop)) benchmark::DoNotOptimize(std::string_view(text.data()).size());
}

template <void (*hog)(const Stop&)>
void BM_TickerGap(benchmark::State& state) {
  TickerGap(state, hog);
}
#define WEFT_GAP_BENCHMARK(hog) \
  BENCHMARK(BM_TickerGap<&hog>)->Name("BM_TickerGap/" #hog)->Iterations(1)->UseManualTime()

WEFT_GAP_BENCHMARK(EmptyLoop);
WEFT_GAP_BENCHMARK(SmallCalls);
WEFT_GAP_BENCHMARK(LongSort);
WEFT_GAP_BENCHMARK(MallocUnderMutex);
WEFT_GAP_BENCHMARK(LongCalls);

}  // namespace
