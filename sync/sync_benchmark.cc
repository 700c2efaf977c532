// The benchmarks of mutexes, conditions, Once, Pool and Semaphore; WaitGroup and Map have their
// own. What each does, and what its counterpart in Go is: tools/bench/README.md. Rows of std:: and
// absl:: run the same on threads.
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "benchmark/benchmark.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"
#include "weft/sync/cond.h"
#include "weft/sync/mutex.h"
#include "weft/sync/once.h"
#include "weft/sync/pool.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/semaphore.h"

// The analysis forbids to lock for reading twice, and does not know wrappers.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace {

using weft::bench::Iterations;
using weft::bench::LocalWork;
using weft::bench::OnFiber;
using weft::bench::Parallel;
using weft::bench::Run;
using weft::bench::Workers;

template <typename T>
struct alignas(128) Alone {
  T value;
};

void BM_MutexUncontended(benchmark::State& state) {
  Parallel(state, [](Iterations& iterations) {
    Alone<weft::Mutex> mu;
    while (iterations.Next()) {
      mu.value.lock();
      mu.value.unlock();
    }
  });
}
WEFT_BENCHMARK(BM_MutexUncontended);

void MutexContended(benchmark::State& state, int parallelism, int work) {
  Alone<weft::Mutex> mu;
  Parallel(
      state,
      [&mu, work](Iterations& iterations) {
        while (iterations.Next()) {
          mu.value.lock();
          mu.value.unlock();
          LocalWork(work);
        }
      },
      parallelism);
}
void BM_Mutex(benchmark::State& state) { MutexContended(state, 1, 0); }
void BM_MutexSlack(benchmark::State& state) { MutexContended(state, 10, 0); }
void BM_MutexWork(benchmark::State& state) { MutexContended(state, 1, 100); }
void BM_MutexWorkSlack(benchmark::State& state) { MutexContended(state, 10, 100); }
WEFT_BENCHMARK(BM_Mutex);
WEFT_BENCHMARK(BM_MutexSlack);
WEFT_BENCHMARK(BM_MutexWork);
WEFT_BENCHMARK(BM_MutexWorkSlack);

// Touches every fourth word, as Go's benchmarks of spinning do.
void Touch(std::vector<uint64_t>& data) {
  for (size_t i = 0; i < data.size(); i += 4) ++data[i];
  benchmark::DoNotOptimize(data.data());
}

// Many fibers with other work: spinning cannot pay.
void BM_MutexNoSpin(benchmark::State& state) {
  Alone<weft::Mutex> mu;
  uint64_t sums[2] = {};
  Parallel(
      state,
      [&](Iterations& iterations) {
        std::vector<uint64_t> data(4 << 10);
        for (int i = 0; iterations.Next(); ++i) {
          if (i % 4 == 0) {
            weft::MutexLock lock(mu.value);
            sums[0] -= 100;
            sums[1] += 100;
          } else {
            Touch(data);
            weft::Gosched();
          }
        }
      },
      4);
}
WEFT_BENCHMARK(BM_MutexNoSpin);

// A fiber for each worker, with much data of its own: spinning pays.
void BM_MutexSpin(benchmark::State& state) {
  Alone<weft::Mutex> mu;
  uint64_t sums[2] = {};
  Parallel(state, [&](Iterations& iterations) {
    std::vector<uint64_t> data(16 << 10);
    while (iterations.Next()) {
      {
        weft::MutexLock lock(mu.value);
        sums[0] -= 100;
        sums[1] += 100;
      }
      Touch(data);
    }
  });
}
WEFT_BENCHMARK(BM_MutexSpin);

void BM_RWMutexUncontended(benchmark::State& state) {
  Parallel(state, [](Iterations& iterations) {
    Alone<weft::RWMutex> mu;
    while (iterations.Next()) {
      mu.value.lock_shared();
      mu.value.lock_shared();
      mu.value.unlock_shared();
      mu.value.unlock_shared();
      mu.value.lock();
      mu.value.unlock();
    }
  });
}
WEFT_BENCHMARK(BM_RWMutexUncontended);

void ReadersAndWriters(benchmark::State& state, int work, int write_ratio) {
  Alone<weft::RWMutex> mu;
  Parallel(state, [&mu, work, write_ratio](Iterations& iterations) {
    for (int i = 1; iterations.Next(); ++i) {
      if (i % write_ratio == 0) {
        mu.value.lock();
        mu.value.unlock();
      } else {
        mu.value.lock_shared();
        LocalWork(work);
        mu.value.unlock_shared();
      }
    }
  });
}
void BM_RWMutexWrite100(benchmark::State& state) { ReadersAndWriters(state, 0, 100); }
void BM_RWMutexWrite10(benchmark::State& state) { ReadersAndWriters(state, 0, 10); }
void BM_RWMutexWorkWrite100(benchmark::State& state) { ReadersAndWriters(state, 100, 100); }
void BM_RWMutexWorkWrite10(benchmark::State& state) { ReadersAndWriters(state, 100, 10); }
WEFT_BENCHMARK(BM_RWMutexWrite100);
WEFT_BENCHMARK(BM_RWMutexWrite10);
WEFT_BENCHMARK(BM_RWMutexWorkWrite100);
WEFT_BENCHMARK(BM_RWMutexWorkWrite10);

void BM_Once(benchmark::State& state) {
  weft::Once once;
  Parallel(state, [&once](Iterations& iterations) {
    while (iterations.Next()) once.Do([] {});
  });
}
WEFT_BENCHMARK(BM_Once);

void BM_OnceFunc(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    auto f = weft::OnceFunc([] {});
    for (; n > 0; --n) f();
  });
}
WEFT_BENCHMARK(BM_OnceFunc);

void BM_OnceValue(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    auto f = weft::OnceValue([] { return 42; });
    for (; n > 0; --n) benchmark::DoNotOptimize(f());
  });
}
WEFT_BENCHMARK(BM_OnceValue);

void BM_Pool(benchmark::State& state) {
  weft::Pool<void*> pool;
  Parallel(state, [&pool](Iterations& iterations) {
    while (iterations.Next()) {
      pool.Put(&pool);
      pool.Get();
    }
  });
}
WEFT_BENCHMARK(BM_Pool);

void PoolBatches(benchmark::State& state, int puts, int gets) {
  weft::Pool<void*> pool;
  Parallel(state, [&pool, puts, gets](Iterations& iterations) {
    while (iterations.Next()) {
      for (int i = 0; i < puts; ++i) pool.Put(&pool);
      for (int i = 0; i < gets; ++i) pool.Get();
    }
  });
}
void BM_PoolOverflow(benchmark::State& state) { PoolBatches(state, 100, 100); }
void BM_PoolStarvation(benchmark::State& state) { PoolBatches(state, 67, 100); }
WEFT_BENCHMARK(BM_PoolOverflow);
WEFT_BENCHMARK(BM_PoolStarvation);

// Go's semaphore starts at zero and has no upper bound.
constexpr int64_t kManyPermits = 1 << 20;

struct alignas(128) EmptySemaphore {
  EmptySemaphore() { semaphore.Acquire(kManyPermits); }
  weft::Semaphore semaphore{kManyPermits};
};

void BM_SemaUncontended(benchmark::State& state) {
  Parallel(state, [](Iterations& iterations) {
    EmptySemaphore sema;
    while (iterations.Next()) {
      sema.semaphore.Release();
      sema.semaphore.Acquire();
    }
  });
}
WEFT_BENCHMARK(BM_SemaUncontended);

void Sema(benchmark::State& state, bool block, int work) {
  EmptySemaphore sema;
  weft::Semaphore ended(1);
  ended.Acquire();
  if (block) {
    weft::Go([&] {
      for (int i = 0; i < Workers() / 2; ++i) sema.semaphore.Acquire();
      ended.Release();
    });
  }
  Parallel(state, [&sema, work](Iterations& iterations) {
    while (iterations.Next()) {
      sema.semaphore.Release();
      LocalWork(work);
      sema.semaphore.Acquire();
    }
    sema.semaphore.Release();
  });
  if (block) ended.Acquire();
}
void BM_SemaSyntNonblock(benchmark::State& state) { Sema(state, false, 0); }
void BM_SemaSyntBlock(benchmark::State& state) { Sema(state, true, 0); }
void BM_SemaWorkNonblock(benchmark::State& state) { Sema(state, false, 100); }
void BM_SemaWorkBlock(benchmark::State& state) { Sema(state, true, 100); }
WEFT_BENCHMARK(BM_SemaSyntNonblock);
WEFT_BENCHMARK(BM_SemaSyntBlock);
WEFT_BENCHMARK(BM_SemaWorkNonblock);
WEFT_BENCHMARK(BM_SemaWorkBlock);

// The same beside x/sync's semaphore, which is strictly in order as ours.
BENCHMARK(BM_SemaUncontended)->Name("BM_WeightedUncontended")->UseManualTime();
BENCHMARK(BM_SemaSyntNonblock)->Name("BM_WeightedSyntNonblock")->UseManualTime();
BENCHMARK(BM_SemaSyntBlock)->Name("BM_WeightedSyntBlock")->UseManualTime();
BENCHMARK(BM_SemaWorkBlock)->Name("BM_WeightedWorkBlock")->UseManualTime();

// A barrier that waiters + 1 fibers pass n times.
void BM_Cond(benchmark::State& state) {
  const int waiters = static_cast<int>(state.range(0));
  struct Barrier {
    weft::Mutex mu;
    weft::Cond cond{mu};
    int id = 0;
  };
  OnFiber(
      state,
      [waiters](int64_t n, Run& run) {
        auto barrier = std::make_shared<Barrier>();
        for (int w = 0; w <= waiters; ++w) {
          weft::Go([barrier, waiters, n, &run] {
            for (int64_t i = 0; i < n; ++i) {
              weft::MutexLock lock(barrier->mu);
              if (barrier->id == -1) break;
              if (++barrier->id == waiters + 1) {
                barrier->id = 0;
                barrier->cond.Broadcast();
              } else {
                barrier->cond.Wait();
              }
            }
            {
              weft::MutexLock lock(barrier->mu);
              barrier->id = -1;
              barrier->cond.Broadcast();
            }
            run.Done();
          });
        }
      },
      waiters + 1);
}
WEFT_BENCHMARK(BM_Cond)->Arg(1)->Arg(2)->Arg(4)->Arg(8)->Arg(16)->Arg(32);

// The same locks, as threads see them.
template <typename Lock>
void Uncontended(benchmark::State& state) {
  Alone<Lock> mu;
  for (auto _ : state) {
    mu.value.lock();
    mu.value.unlock();
  }
}

template <typename Lock>
void SharedUncontended(benchmark::State& state) {
  Alone<Lock> mu;
  for (auto _ : state) {
    mu.value.lock_shared();
    mu.value.unlock_shared();
  }
}

template <typename Lock>
void Contended(benchmark::State& state) {
  static Alone<Lock> mu;
  static int64_t count;
  for (auto _ : state) {
    mu.value.lock();
    benchmark::DoNotOptimize(++count);
    mu.value.unlock();
  }
}

struct AbslMutex {
  void lock() { mu.Lock(); }
  void unlock() { mu.Unlock(); }
  void lock_shared() { mu.ReaderLock(); }
  void unlock_shared() { mu.ReaderUnlock(); }
  absl::Mutex mu;
};

BENCHMARK(Uncontended<weft::Mutex>)->Name("BM_ThreadMutexUncontended");
BENCHMARK(Uncontended<std::mutex>)->Name("BM_StdMutexUncontended");
BENCHMARK(Uncontended<AbslMutex>)->Name("BM_AbslMutexUncontended");
BENCHMARK(SharedUncontended<weft::RWMutex>)->Name("BM_ThreadRLockUncontended");
BENCHMARK(SharedUncontended<std::shared_mutex>)->Name("BM_StdRLockUncontended");
BENCHMARK(SharedUncontended<AbslMutex>)->Name("BM_AbslRLockUncontended");
BENCHMARK(Contended<weft::Mutex>)->Name("BM_ThreadMutex")->Threads(2)->Threads(8)->UseRealTime();
BENCHMARK(Contended<std::mutex>)->Name("BM_StdMutex")->Threads(2)->Threads(8)->UseRealTime();
BENCHMARK(Contended<AbslMutex>)->Name("BM_AbslMutex")->Threads(2)->Threads(8)->UseRealTime();

}  // namespace
