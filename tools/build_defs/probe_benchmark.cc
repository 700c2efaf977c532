#include "benchmark/benchmark.h"
#include "weft/tools/build_defs/probe.h"

namespace {

void BM_ExactRoot(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(weft::build_defs_internal::ExactRoot(144).ok());
  }
}
BENCHMARK(BM_ExactRoot);

}  // namespace
