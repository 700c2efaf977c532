// Benchmarks of single flights, limiters, breakers and pipelines. tools/bench/README.md says what
// each does, and what its counterpart in Go is.
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "benchmark/benchmark.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/patterns/circuit_breaker.h"
#include "weft/patterns/pipeline.h"
#include "weft/patterns/pipeline_batch.h"
#include "weft/patterns/pipeline_map.h"
#include "weft/patterns/pipeline_ordered.h"
#include "weft/patterns/pipeline_sink.h"
#include "weft/patterns/rate_limiter.h"
#include "weft/patterns/singleflight.h"
#include "weft/sched/testing/fiber_benchmark.h"

namespace {

using weft::bench::OnFiber;
using weft::bench::Run;

void BM_SingleFlight(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::SingleFlight<std::string, int64_t> flights;
    const std::string key = "key";
    while (n-- > 0) {
      benchmark::DoNotOptimize(flights.Do(key, [] { return absl::StatusOr<int64_t>(1); }));
    }
  });
}
WEFT_BENCHMARK(BM_SingleFlight);

void BM_RateAllow(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::RateLimiter limiter(1000, 100);
    while (n-- > 0) benchmark::DoNotOptimize(limiter.Allow());
  });
}
WEFT_BENCHMARK(BM_RateAllow);

void BM_RateWait(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::RateLimiter limiter(1e12, 1000);
    const weft::Context ctx = weft::Background();
    while (n-- > 0) benchmark::DoNotOptimize(limiter.Wait(ctx));
  });
}
WEFT_BENCHMARK(BM_RateWait);

void BM_Breaker(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::CircuitBreaker breaker;
    const weft::Context ctx = weft::Background();
    while (n-- > 0) {
      benchmark::DoNotOptimize(
          breaker.Execute(ctx, [](const weft::Context&) { return absl::StatusOr<int64_t>(1); }));
    }
  });
}
WEFT_BENCHMARK(BM_Breaker);

weft::RecvChan<int64_t> Source(weft::Pipeline& pipe, int64_t n) {
  return weft::pipeline::Generate<int64_t>(pipe, [n](const weft::pipeline::Emit<int64_t>& emit) {
    for (int64_t i = 0; i < n; ++i) {
      if (!emit(i)) return;
    }
  });
}

void BM_PipelineMap(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::Pipeline pipe;
    (void)weft::pipeline::Drain(
        pipe, weft::pipeline::Map(pipe, Source(pipe, n), 4, [](int64_t v) { return v + 1; }));
  });
}
WEFT_BENCHMARK(BM_PipelineMap);

void BM_PipelineOrderedMap(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::Pipeline pipe;
    (void)weft::pipeline::Drain(pipe, weft::pipeline::OrderedMap(pipe, Source(pipe, n), 4,
                                                                 [](int64_t v) { return v + 1; }));
  });
}
WEFT_BENCHMARK(BM_PipelineOrderedMap);

void BM_PipelineBatch(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::Pipeline pipe;
    (void)weft::pipeline::Drain(pipe, weft::pipeline::Batch(pipe, Source(pipe, n), 100));
  });
}
WEFT_BENCHMARK(BM_PipelineBatch);

}  // namespace
