// Benchmarks of pools, and of what does without. tools/bench/README.md says what each does, and
// what its counterpart in Go is.
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/patterns/errgroup.h"
#include "weft/patterns/multi_pool.h"
#include "weft/patterns/ordered_stream.h"
#include "weft/patterns/parallel.h"
#include "weft/patterns/process_pool.h"
#include "weft/patterns/task_pool.h"
#include "weft/patterns/worker_pool.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"
#include "weft/sched/timer.h"
#include "weft/sync/waitgroup.h"

namespace {

using weft::bench::OnFiber;
using weft::bench::Run;

constexpr int64_t kTasks = 1000000;
constexpr int64_t kCapacity = 50000;

// The most memory that was ever resident.
double PeakBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "VmHWM:") continue;
    double kib = 0;
    status >> kib;
    return kib * 1024;
  }
  return 0;
}

// Runs a million tasks that sleep for 10 ms each, by way of start(task); reports the time for each,
// and the most memory that the process has had.
template <typename Start>
void Million(benchmark::State& state, Start start) {
  double task_ns = 0, peak_bytes = 0;
  OnFiber(state, [&](int64_t n, Run&) {
    while (n-- > 0) {
      weft::WaitGroup wg;
      wg.Add(static_cast<int>(kTasks));
      const int64_t began = weft::MonotonicNanos();
      for (int64_t i = 0; i < kTasks; ++i) {
        start([&wg] {
          weft::Sleep(absl::Milliseconds(10));
          wg.Done();
        });
      }
      wg.Wait();
      task_ns = static_cast<double>(weft::MonotonicNanos() - began) / kTasks;
      peak_bytes = PeakBytes();
    }
  });
  state.counters["task_ns"] = task_ns;
  state.counters["peak_bytes"] = peak_bytes;
}

void BM_MillionBare(benchmark::State& state) {
  Million(state, [](auto task) { weft::Go(task); });
}
WEFT_BENCHMARK(BM_MillionBare)->Iterations(1);

void BM_MillionSemaphore(benchmark::State& state) {
  auto sema = weft::MakeChan<weft::Empty>(kCapacity);
  Million(state, [&](auto task) {
    sema.Send({});
    weft::Go([sema, task] {
      task();
      sema.Recv();
    });
  });
}
WEFT_BENCHMARK(BM_MillionSemaphore)->Iterations(1);

void BM_MillionErrGroup(benchmark::State& state) {
  weft::ErrGroup group;
  group.SetLimit(kCapacity);
  Million(state, [&](auto task) {
    group.Go([task] {
      task();
      return absl::OkStatus();
    });
  });
}
WEFT_BENCHMARK(BM_MillionErrGroup)->Iterations(1);

void BM_MillionPool(benchmark::State& state) {
  weft::WorkerPool pool(kCapacity, {.expiry = absl::Seconds(10)});
  Million(state, [&](auto task) { (void)pool.Submit(task); });
}
WEFT_BENCHMARK(BM_MillionPool)->Iterations(1);

void BM_MillionMultiPool(benchmark::State& state) {
  weft::MultiPool<weft::WorkerPool> pool(10, weft::Balance::kRoundRobin, kCapacity / 10,
                                         weft::PoolOptions{.expiry = absl::Seconds(10)});
  Million(state, [&](auto task) { (void)pool.Submit(task); });
}
WEFT_BENCHMARK(BM_MillionMultiPool)->Iterations(1);

void BM_PoolSubmit(benchmark::State& state) {
  weft::WorkerPool pool(100);
  OnFiber(state, [&](int64_t n, Run&) {
    weft::WaitGroup wg;
    wg.Add(static_cast<int>(n));
    for (int64_t i = 0; i < n; ++i) (void)pool.Submit([&wg] { wg.Done(); });
    wg.Wait();
  });
}
WEFT_BENCHMARK(BM_PoolSubmit);

void BM_ErrGroupGo(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::ErrGroup group;
    group.SetLimit(100);
    for (int64_t i = 0; i < n; ++i) group.Go([] { return absl::OkStatus(); });
    (void)group.Wait();
  });
}
WEFT_BENCHMARK(BM_ErrGroupGo);

void BM_TaskPool(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::TaskPool<void> pool({.max_fibers = 100});
    for (int64_t i = 0; i < n; ++i) pool.Go([] {});
    pool.Wait();
  });
}
WEFT_BENCHMARK(BM_TaskPool);

void BM_ResultPool(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::TaskPool<int64_t> pool({.max_fibers = 100});
    for (int64_t i = 0; i < n; ++i) pool.Go([i] { return i; });
    benchmark::DoNotOptimize(pool.Wait());
  });
}
WEFT_BENCHMARK(BM_ResultPool);

void BM_OrderedStream(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::OrderedStream stream(100);
    for (int64_t i = 0; i < n; ++i) {
      stream.Go([] { return [] {}; });
    }
    stream.Wait();
  });
}
WEFT_BENCHMARK(BM_OrderedStream);

void BM_ParallelForEach(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    std::vector<int64_t> values(1000);
    for (int64_t i = 0; i < n; i += static_cast<int64_t>(values.size())) {
      (void)weft::parallel::ForEach(weft::Background(), values, [](int64_t& v) { ++v; });
    }
    benchmark::DoNotOptimize(values.data());
  });
}
WEFT_BENCHMARK(BM_ParallelForEach);

void BM_Process(benchmark::State& state) {
  auto pool = weft::ProcessPool<int64_t, int64_t>::OfFunction(10, [](int64_t v) { return v * 2; });
  OnFiber(state, [&](int64_t n, Run&) {
    while (n-- > 0) benchmark::DoNotOptimize(*pool->Process(10));
  });
}
WEFT_BENCHMARK(BM_Process);

}  // namespace
