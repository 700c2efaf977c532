// Map's benchmarks, with the workloads of Go's for sync.Map: tools/bench/README.md.
#include "weft/sync/map.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "benchmark/benchmark.h"
#include "weft/sched/testing/fiber_benchmark.h"

namespace {

using weft::bench::Iterations;
using weft::bench::Parallel;
using Map = weft::Map<int64_t, int64_t>;

// Fills the map with 0 … n - 1, then calls step(map, i) with i from a range of each fiber's own.
template <typename Step>
void OnMap(benchmark::State& state, int64_t n, Step step) {
  Map map;
  for (int64_t i = 0; i < n; ++i) map.Store(i, i);
  std::atomic<int64_t> fibers{0};
  const auto range = static_cast<int64_t>(state.max_iterations);
  Parallel(state, [&](Iterations& iterations) {
    int64_t i = fibers.fetch_add(1, std::memory_order_relaxed) * range;  // only the number counts
    for (; iterations.Next(); ++i) step(map, i);
  });
}

// Of 1024 keys in turn the first `hits` are there; those who miss look for a key of their own.
constexpr int64_t kKeys = 1024;
int64_t KeyOf(int64_t i, int64_t hits) { return i % kKeys < hits ? i % kKeys : i; }

void Load(benchmark::State& state, int64_t hits) {
  OnMap(state, hits, [](Map& map, int64_t i) { benchmark::DoNotOptimize(map.Load(i % kKeys)); });
}
void BM_MapLoadMostlyHits(benchmark::State& state) { Load(state, 1023); }
void BM_MapLoadMostlyMisses(benchmark::State& state) { Load(state, 1); }

void BM_MapLoadOrStoreBalanced(benchmark::State& state) {
  OnMap(state, 128, [](Map& map, int64_t i) { map.LoadOrStore(i % 256 < 128 ? i % 256 : i, i); });
}
void BM_MapLoadOrStoreUnique(benchmark::State& state) {
  OnMap(state, 0, [](Map& map, int64_t i) { map.LoadOrStore(i, i); });
}
void BM_MapLoadOrStoreCollision(benchmark::State& state) {
  OnMap(state, 1, [](Map& map, int64_t) { map.LoadOrStore(0, 0); });
}
void BM_MapLoadAndDeleteBalanced(benchmark::State& state) {
  OnMap(state, 128, [](Map& map, int64_t i) { map.LoadAndDelete(i % 256 < 128 ? i % 256 : i); });
}
void BM_MapLoadAndDeleteUnique(benchmark::State& state) {
  OnMap(state, 0, [](Map& map, int64_t i) { map.LoadAndDelete(i); });
}
void BM_MapLoadAndDeleteCollision(benchmark::State& state) {
  OnMap(state, 1, [](Map& map, int64_t) {
    if (map.LoadAndDelete(0)) map.Store(0, 0);
  });
}
void BM_MapRange(benchmark::State& state) {
  OnMap(state, kKeys, [](Map& map, int64_t) { map.Range([](int64_t, int64_t) { return true; }); });
}
// Ever more loads of missing keys between two stores.
void BM_MapAdversarialAlloc(benchmark::State& state) {
  Map map;
  std::atomic<int64_t> fibers{0};
  const auto range = static_cast<int64_t>(state.max_iterations);
  Parallel(state, [&](Iterations& iterations) {
    int64_t i = fibers.fetch_add(1, std::memory_order_relaxed) * range;  // only the number counts
    for (int64_t stores = 0, loads = 0; iterations.Next(); ++i) {
      benchmark::DoNotOptimize(map.Load(i));
      if (++loads <= stores) continue;
      map.LoadOrStore(i, stores++);
      loads = 0;
    }
  });
}
void BM_MapAdversarialDelete(benchmark::State& state) {
  OnMap(state, kKeys, [](Map& map, int64_t i) {
    benchmark::DoNotOptimize(map.Load(i));
    if (i % kKeys != 0) return;
    map.Range([&map](int64_t key, int64_t) {
      map.Delete(key);
      return false;
    });
    map.Store(i, i);
  });
}
void BM_MapDeleteCollision(benchmark::State& state) {
  OnMap(state, 1, [](Map& map, int64_t) { map.Delete(0); });
}
void BM_MapSwapCollision(benchmark::State& state) {
  OnMap(state, 1, [](Map& map, int64_t) { map.Swap(0, 0); });
}

void Swap(benchmark::State& state, int64_t hits) {
  OnMap(state, hits, [hits](Map& map, int64_t i) {
    const int64_t key = KeyOf(i, hits);
    map.Swap(key, key);
    if (i % kKeys >= hits) map.Delete(key);
  });
}
void BM_MapSwapMostlyHits(benchmark::State& state) { Swap(state, 1023); }
void BM_MapSwapMostlyMisses(benchmark::State& state) { Swap(state, 1); }

void BM_MapCompareAndSwapCollision(benchmark::State& state) {
  OnMap(state, 1, [](Map& map, int64_t) {
    if (map.CompareAndSwap(0, 0, 42)) map.CompareAndSwap(0, 42, 0);
  });
}
void BM_MapCompareAndSwapNoExistingKey(benchmark::State& state) {
  OnMap(state, 0, [](Map& map, int64_t i) {
    if (map.CompareAndSwap(i, 0, 0)) map.Delete(i);
  });
}
void BM_MapCompareAndSwapValueNotEqual(benchmark::State& state) {
  OnMap(state, 1, [](Map& map, int64_t) { map.CompareAndSwap(0, 1, 2); });
}

void CompareAndSwap(benchmark::State& state, int64_t hits) {
  OnMap(state, hits, [hits](Map& map, int64_t i) {
    const int64_t key = KeyOf(i, hits);
    map.CompareAndSwap(key, key, key);
  });
}
void BM_MapCompareAndSwapMostlyHits(benchmark::State& state) { CompareAndSwap(state, 1023); }
void BM_MapCompareAndSwapMostlyMisses(benchmark::State& state) { CompareAndSwap(state, 1); }

void BM_MapCompareAndDeleteCollision(benchmark::State& state) {
  OnMap(state, 1, [](Map& map, int64_t) {
    if (map.CompareAndDelete(0, 0)) map.Store(0, 0);
  });
}

void CompareAndDelete(benchmark::State& state, int64_t hits) {
  OnMap(state, hits, [hits](Map& map, int64_t i) {
    const int64_t key = KeyOf(i, hits);
    if (map.CompareAndDelete(key, key)) map.Store(key, key);
  });
}
void BM_MapCompareAndDeleteMostlyHits(benchmark::State& state) { CompareAndDelete(state, 1023); }
void BM_MapCompareAndDeleteMostlyMisses(benchmark::State& state) { CompareAndDelete(state, 1); }

void BM_MapClear(benchmark::State& state) {
  OnMap(state, 0, [](Map& map, int64_t i) {
    map.Clear();
    map.Store(i % 256, i % 256);
  });
}

WEFT_BENCHMARK(BM_MapLoadMostlyHits);
WEFT_BENCHMARK(BM_MapLoadMostlyMisses);
WEFT_BENCHMARK(BM_MapLoadOrStoreBalanced);
WEFT_BENCHMARK(BM_MapLoadOrStoreUnique);
WEFT_BENCHMARK(BM_MapLoadOrStoreCollision);
WEFT_BENCHMARK(BM_MapLoadAndDeleteBalanced);
WEFT_BENCHMARK(BM_MapLoadAndDeleteUnique);
WEFT_BENCHMARK(BM_MapLoadAndDeleteCollision);
WEFT_BENCHMARK(BM_MapRange);
WEFT_BENCHMARK(BM_MapAdversarialAlloc);
WEFT_BENCHMARK(BM_MapAdversarialDelete);
WEFT_BENCHMARK(BM_MapDeleteCollision);
WEFT_BENCHMARK(BM_MapSwapCollision);
WEFT_BENCHMARK(BM_MapSwapMostlyHits);
WEFT_BENCHMARK(BM_MapSwapMostlyMisses);
WEFT_BENCHMARK(BM_MapCompareAndSwapCollision);
WEFT_BENCHMARK(BM_MapCompareAndSwapNoExistingKey);
WEFT_BENCHMARK(BM_MapCompareAndSwapValueNotEqual);
WEFT_BENCHMARK(BM_MapCompareAndSwapMostlyHits);
WEFT_BENCHMARK(BM_MapCompareAndSwapMostlyMisses);
WEFT_BENCHMARK(BM_MapCompareAndDeleteCollision);
WEFT_BENCHMARK(BM_MapCompareAndDeleteMostlyHits);
WEFT_BENCHMARK(BM_MapCompareAndDeleteMostlyMisses);
WEFT_BENCHMARK(BM_MapClear);

// What a C++ program would do without: an unordered_map under a reader-writer lock.
void BM_StdMapLoadMostlyHits(benchmark::State& state) {
  static std::shared_mutex mu;
  static std::unordered_map<int64_t, int64_t> map;
  if (state.thread_index() == 0) {
    for (int64_t i = 0; i < kKeys - 1; ++i) map[i] = i;
  }
  int64_t i = 0;
  for (auto _ : state) {
    std::shared_lock<std::shared_mutex> lock(mu);
    benchmark::DoNotOptimize(map.find(i++ % kKeys));
  }
}
BENCHMARK(BM_StdMapLoadMostlyHits)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
