// WaitGroup's benchmarks. tools/bench/README.md says what each does, and what its counterpart in Go
// is.

#include "weft/sync/waitgroup.h"

#include <cstdint>

#include "benchmark/benchmark.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"

namespace {

using weft::bench::Iterations;
using weft::bench::LocalWork;
using weft::bench::OnFiber;
using weft::bench::Parallel;
using weft::bench::Run;

void BM_SpawnJoin(benchmark::State& state) {
  constexpr int kBatch = 100;
  OnFiber(state, [](int64_t n, Run&) {
    for (int64_t done = 0; done < n; done += kBatch) {
      weft::WaitGroup wg;
      wg.Add(kBatch);
      for (int i = 0; i < kBatch; ++i) weft::Go([&wg] { wg.Done(); });
      wg.Wait();
    }
  });
}
WEFT_BENCHMARK(BM_SpawnJoin);

void BM_WaitGroupUncontended(benchmark::State& state) {
  Parallel(state, [](Iterations& iterations) {
    struct alignas(128) {
      weft::WaitGroup wg;
    } alone;
    while (iterations.Next()) {
      alone.wg.Add(1);
      alone.wg.Done();
      alone.wg.Wait();
    }
  });
}
WEFT_BENCHMARK(BM_WaitGroupUncontended);

void AddDone(benchmark::State& state, int work) {
  weft::WaitGroup wg;
  Parallel(state, [&wg, work](Iterations& iterations) {
    while (iterations.Next()) {
      wg.Add(1);
      LocalWork(work);
      wg.Done();
    }
  });
}

void BM_WaitGroupAddDone(benchmark::State& state) { AddDone(state, 0); }
WEFT_BENCHMARK(BM_WaitGroupAddDone);

void BM_WaitGroupAddDoneWork(benchmark::State& state) { AddDone(state, 100); }
WEFT_BENCHMARK(BM_WaitGroupAddDoneWork);

void WaitForNothing(benchmark::State& state, int work) {
  weft::WaitGroup wg;
  Parallel(state, [&wg, work](Iterations& iterations) {
    while (iterations.Next()) {
      wg.Wait();
      LocalWork(work);
    }
  });
}

void BM_WaitGroupWait(benchmark::State& state) { WaitForNothing(state, 0); }
WEFT_BENCHMARK(BM_WaitGroupWait);

void BM_WaitGroupWaitWork(benchmark::State& state) { WaitForNothing(state, 100); }
WEFT_BENCHMARK(BM_WaitGroupWaitWork);

void BM_WaitGroupActuallyWait(benchmark::State& state) {
  Parallel(state, [](Iterations& iterations) {
    while (iterations.Next()) {
      weft::WaitGroup wg;
      wg.Add(1);
      weft::Go([&wg] { wg.Done(); });
      wg.Wait();
    }
  });
}
WEFT_BENCHMARK(BM_WaitGroupActuallyWait);

}  // namespace
