// Context's benchmarks, with the workloads of Go's: tools/bench/README.md.
#include "weft/context/context.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"
#include "weft/sync/waitgroup.h"

namespace {

using weft::Background;
using weft::CancelFunc;
using weft::Context;
using weft::bench::Iterations;
using weft::bench::LocalWork;
using weft::bench::OnFiber;
using weft::bench::Parallel;
using weft::bench::Run;
using weft::bench::Workers;

constexpr weft::ContextKey<const char*> kKey;

void BM_CommonParentCancel(benchmark::State& state) {
  auto [shared, cancel_shared] = weft::WithCancel(weft::WithValue(Background(), kKey, "value"));
  Parallel(state, [&shared = shared](Iterations& iterations) {
    while (iterations.Next()) {
      auto [ctx, cancel] = weft::WithCancel(shared);
      benchmark::DoNotOptimize(ctx.Value(kKey));
      LocalWork(100);
      cancel();
      LocalWork(100);
    }
  });
  cancel_shared();
}
WEFT_BENCHMARK(BM_CommonParentCancel);

// Ten contexts at a time, made and cancelled, while many others wait for their deadline.
void BM_WithTimeout(benchmark::State& state) {
  std::vector<std::pair<Context, CancelFunc>> others;
  for (int64_t i = 0; i < state.range(0); ++i)
    others.push_back(weft::WithTimeout(Background(), absl::Hours(1)));
  Parallel(state, [](Iterations& iterations) {
    std::array<CancelFunc, 10> cancels;
    while (iterations.Next()) {
      for (CancelFunc& cancel : cancels)
        cancel = weft::WithTimeout(Background(), absl::Hours(1)).second;
      for (CancelFunc& cancel : cancels) cancel();
    }
  });
  for (auto& [ctx, cancel] : others) cancel();
}
WEFT_BENCHMARK(BM_WithTimeout)->Arg(40)->Arg(4000)->Arg(400000);

void BuildChain(Context ctx, int64_t depth) {
  for (; depth > 0; --depth) ctx = weft::WithCancel(ctx).first;
}

enum class Root { kBackground, kOpenCanceler, kClosedCanceler };

void CancelTree(benchmark::State& state, int64_t depth, Root root) {
  OnFiber(state, [depth, root](int64_t n, Run&) {
    for (; n > 0; --n) {
      if (root == Root::kBackground) {
        BuildChain(Background(), depth);
        continue;
      }
      auto [ctx, cancel] = weft::WithCancel(Background());
      if (root == Root::kClosedCanceler) cancel();
      BuildChain(ctx, depth);
      cancel();
    }
  });
}

void CheckCanceledErr(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    auto [ctx, cancel] = weft::WithCancel(Background());
    cancel();
    for (; n > 0; --n) benchmark::DoNotOptimize(ctx.Err().ok());
  });
}
BENCHMARK(CheckCanceledErr)->Name("BM_CheckCanceled/Err")->UseManualTime();

void CheckCanceledDone(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    auto [ctx, cancel] = weft::WithCancel(Background());
    cancel();
    for (; n > 0; --n) benchmark::DoNotOptimize(ctx.Done().TryRecv().closed());
  });
}
BENCHMARK(CheckCanceledDone)->Name("BM_CheckCanceled/Done")->UseManualTime();

void BM_ContextCancelDone(benchmark::State& state) {
  auto [ctx, cancel] = weft::WithCancel(Background());
  Parallel(state, [&ctx = ctx](Iterations& iterations) {
    while (iterations.Next()) benchmark::DoNotOptimize(ctx.Done().TryRecv().closed());
  });
  cancel();
}
WEFT_BENCHMARK(BM_ContextCancelDone);

void BM_ErrOK(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    auto [ctx, cancel] = weft::WithCancel(Background());
    for (; n > 0; --n) benchmark::DoNotOptimize(ctx.Err().ok());
    cancel();
  });
}
WEFT_BENCHMARK(BM_ErrOK);

void BM_ErrCanceled(benchmark::State& state) { CheckCanceledErr(state); }
WEFT_BENCHMARK(BM_ErrCanceled);

Context Deep(int64_t depth) {
  static constexpr weft::ContextKey<int64_t> other;
  Context ctx = Background();
  for (int64_t i = 0; i < depth; ++i) ctx = weft::WithValue(ctx, other, i);
  return ctx;
}

void BM_DeepValueNewFiber(benchmark::State& state) {
  const Context ctx = Deep(state.range(0));
  OnFiber(state, [&ctx](int64_t n, Run&) {
    for (; n > 0; --n) {
      weft::WaitGroup wg;
      wg.Go([&ctx] { benchmark::DoNotOptimize(ctx.Value(kKey)); });
      wg.Wait();
    }
  });
}
WEFT_BENCHMARK(BM_DeepValueNewFiber)->Arg(10)->Arg(20)->Arg(30)->Arg(50)->Arg(100);

void BM_DeepValueSameFiber(benchmark::State& state) {
  const Context ctx = Deep(state.range(0));
  OnFiber(state, [&ctx](int64_t n, Run&) {
    for (; n > 0; --n) benchmark::DoNotOptimize(ctx.Value(kKey));
  });
}
WEFT_BENCHMARK(BM_DeepValueSameFiber)->Arg(10)->Arg(20)->Arg(30)->Arg(50)->Arg(100);

// One parent with 10,000 children: made, cancelled, gone.
void BM_CancelChildren(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    std::vector<Context> children(10000);
    for (; n > 0; --n) {
      auto [ctx, cancel] = weft::WithCancel(Background());
      for (Context& child : children) child = weft::WithCancel(ctx).first;
      cancel();
    }
  });
}
WEFT_BENCHMARK(BM_CancelChildren);

const bool kRegistered = [] {
  constexpr std::pair<const char*, Root> kRoots[] = {{"Background", Root::kBackground},
                                                     {"OpenCanceler", Root::kOpenCanceler},
                                                     {"ClosedCanceler", Root::kClosedCanceler}};
  for (int64_t depth : {1, 10, 100, 1000}) {
    for (const auto& [name, root] : kRoots) {
      const std::string full = "BM_CancelTree/" + std::to_string(depth) + "/" + name;
      benchmark::RegisterBenchmark(full.c_str(), &CancelTree, depth, root)->UseManualTime();
    }
  }
  return true;
}();

}  // namespace
