// The benchmarks of what has no counterpart in Go: events, latches, barriers, reentrant mutexes and
// monitors; and of Map against what a C++ program would have instead.
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "benchmark/benchmark.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"
#include "weft/sync/barrier.h"
#include "weft/sync/event.h"
#include "weft/sync/latch.h"
#include "weft/sync/map.h"
#include "weft/sync/monitor.h"
#include "weft/sync/reentrant_mutex.h"

// The analysis knows no reentrance.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace {

using weft::bench::OnFiber;
using weft::bench::Run;

void BM_EventSetWait(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::Event event(weft::EventReset::kAuto);
    for (; n > 0; --n) {
      event.Set();
      event.Wait();
    }
  });
}
WEFT_BENCHMARK(BM_EventSetWait);

// Two fibers wake each other by turns.
void BM_EventPingPong(benchmark::State& state) {
  OnFiber(
      state,
      [](int64_t n, Run& run) {
        weft::Event ping(weft::EventReset::kAuto), pong(weft::EventReset::kAuto);
        weft::Event over(weft::EventReset::kManual);
        weft::Go([&, n] {
          for (int64_t i = 0; i < n; ++i) {
            ping.Wait();
            pong.Set();
          }
          over.Set();
          run.Done();
        });
        for (int64_t i = 0; i < n; ++i) {
          ping.Set();
          pong.Wait();
        }
        over.Wait();
      },
      1);
}
WEFT_BENCHMARK(BM_EventPingPong);

// Making it, counting it down and waiting for it.
void BM_Latch(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    for (; n > 0; --n) {
      weft::Latch latch(1);
      latch.CountDown();
      latch.Wait();
    }
  });
}
WEFT_BENCHMARK(BM_Latch);

// One round of `parties` fibers.
void BM_Barrier(benchmark::State& state) {
  const int parties = static_cast<int>(state.range(0));
  OnFiber(
      state,
      [parties](int64_t n, Run& run) {
        auto barrier = std::make_shared<weft::Barrier>(parties);
        for (int p = 0; p < parties; ++p) {
          weft::Go([barrier, n, &run] {
            for (int64_t i = 0; i < n; ++i) benchmark::DoNotOptimize(barrier->ArriveAndWait().ok());
            run.Done();
          });
        }
      },
      parties);
}
WEFT_BENCHMARK(BM_Barrier)->Arg(2)->Arg(8)->Arg(32);

void BM_ReentrantMutex(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::ReentrantMutex mu;
    for (; n > 0; --n) {
      mu.lock();
      mu.unlock();
    }
  });
}
WEFT_BENCHMARK(BM_ReentrantMutex);

void BM_ReentrantMutexAgain(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::ReentrantMutex mu;
    mu.lock();
    for (; n > 0; --n) {
      mu.lock();
      mu.unlock();
    }
    mu.unlock();
  });
}
WEFT_BENCHMARK(BM_ReentrantMutexAgain);

// Entering, notifying nobody, leaving.
void BM_Monitor(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    weft::Monitor monitor;
    for (; n > 0; --n) {
      monitor.Enter();
      monitor.Notify();
      monitor.Exit();
    }
  });
}
WEFT_BENCHMARK(BM_Monitor);

void BM_StdRecursiveMutex(benchmark::State& state) {
  std::recursive_mutex mu;
  for (auto _ : state) {
    mu.lock();
    mu.unlock();
  }
}
BENCHMARK(BM_StdRecursiveMutex);

// What a C++ program has for Map: std::unordered_map in shards, each with a lock.
template <typename Lock, typename ReadLock>
class ShardedMap {
 public:
  void Store(int64_t key, int64_t value) {
    Shard& shard = ShardOf(key);
    std::lock_guard<Lock> lock(shard.lock);
    shard.map[key] = value;
  }
  std::optional<int64_t> Load(int64_t key) {
    Shard& shard = ShardOf(key);
    ReadLock lock(shard.lock);
    const auto found = shard.map.find(key);
    if (found == shard.map.end()) return std::nullopt;
    return found->second;
  }

 private:
  struct alignas(128) Shard {
    Lock lock;
    std::unordered_map<int64_t, int64_t> map;
  };
  Shard& ShardOf(int64_t key) {
    return shards_[static_cast<uint64_t>(key) * 0x9e3779b97f4a7c15 >> 60];
  }
  std::array<Shard, 16> shards_;
};

template <typename Map>
void ThreadLoads(benchmark::State& state) {
  static Map& map = *new Map;
  constexpr int64_t kKeys = 1024;
  if (state.thread_index() == 0) {
    for (int64_t i = 0; i < kKeys; ++i) map.Store(i, i);
  }
  int64_t i = state.thread_index() * 100;
  for (auto _ : state) benchmark::DoNotOptimize(map.Load(++i % kKeys));
}

// One store in ten.
template <typename Map>
void ThreadMix(benchmark::State& state) {
  static Map& map = *new Map;
  constexpr int64_t kKeys = 1024;
  int64_t i = state.thread_index() * 100;
  for (auto _ : state) {
    if (++i % 10 == 0) {
      map.Store(i % kKeys, i);
    } else {
      benchmark::DoNotOptimize(map.Load(i % kKeys));
    }
  }
}

using WeftMap = weft::Map<int64_t, int64_t>;
using MutexShards = ShardedMap<std::mutex, std::lock_guard<std::mutex>>;
using SharedShards = ShardedMap<std::shared_mutex, std::shared_lock<std::shared_mutex>>;

BENCHMARK(ThreadLoads<WeftMap>)->Name("BM_ThreadMapLoad")->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(ThreadLoads<MutexShards>)
    ->Name("BM_StdShardedMapLoad")
    ->Threads(1)
    ->Threads(2)
    ->UseRealTime();
BENCHMARK(ThreadLoads<SharedShards>)
    ->Name("BM_StdSharedShardedMapLoad")
    ->Threads(1)
    ->Threads(2)
    ->UseRealTime();
BENCHMARK(ThreadMix<WeftMap>)->Name("BM_ThreadMapMix")->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(ThreadMix<MutexShards>)
    ->Name("BM_StdShardedMapMix")
    ->Threads(1)
    ->Threads(2)
    ->UseRealTime();
BENCHMARK(ThreadMix<SharedShards>)
    ->Name("BM_StdSharedShardedMapMix")
    ->Threads(1)
    ->Threads(2)
    ->UseRealTime();

}  // namespace
