// Runs a Google Benchmark's loop on fibers, and times it there.
//
// Google Benchmark calls a benchmark on a plain thread and times that thread. Here the thread only waits: the work runs
// on fibers, all iterations in one go as Go's benchmarks run b.N, and the time that counts is taken on the fibers, so
// that starting the runtime and waking the thread are not in it. Register with WEFT_BENCHMARK.
//
// Thread safety: each function is called by Google Benchmark's thread. Blocks: that thread, until the fibers are done.
//
//   void BM_Yield(benchmark::State& state) {
//     weft::bench::OnFiber(state, [](int64_t n, weft::bench::Watch&) { while (n-- > 0) weft::Gosched(); });
//   }
//   WEFT_BENCHMARK(BM_Yield);

#ifndef WEFT_TOOLS_BENCH_FIBER_BENCHMARK_H_
#define WEFT_TOOLS_BENCH_FIBER_BENCHMARK_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "benchmark/benchmark.h"
#include "weft/sched/go.h"
#include "weft/sched/runtime.h"

namespace weft::bench {

// How many fibers run at once: WEFT_MAXPROCS when it is set.
inline int Workers() { return GOMAXPROCS(0); }

// Go's model of local work, foo *= 2; foo /= 2, as Go's compiler leaves it: one processor cycle a round.
inline void LocalWork(int rounds) {
  for (int i = 0; i < rounds; ++i) asm volatile("" : "+r"(i));
}

// The time that counts. Go: b.ResetTimer() and b.StopTimer().
class Watch {
 public:
  void Reset() { start_ = Clock::now(); }
  void Stop() {
    if (running_) stop_ = Clock::now();
    running_ = false;
  }
  double seconds() const { return std::chrono::duration<double>(stop_ - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
  Clock::time_point stop_;
  bool running_ = true;
};

// Lets a plain thread wait for fibers. The waiter may destroy it at once: the last Done() notifies under the lock.
class Finish {
 public:
  explicit Finish(int fibers) : left_(fibers) {}
  void Done() {
    std::lock_guard lock(mu_);
    if (--left_ == 0) zero_.notify_one();
  }
  void Wait() {
    std::unique_lock lock(mu_);
    zero_.wait(lock, [this] { return left_ == 0; });
  }

 private:
  std::mutex mu_;
  std::condition_variable zero_;
  int left_;  // guarded by mu_
};

// Calls body(iterations, watch) on one fiber. The time is the whole call's, unless the body resets or stops the watch.
template <class Body>
void OnFiber(benchmark::State& state, Body body) {
  const auto n = static_cast<int64_t>(state.max_iterations);
  while (state.KeepRunningBatch(n)) {
    Finish finish(1);
    double seconds = 0;
    Go([&] {
      Watch watch;
      body(n, watch);
      watch.Stop();
      seconds = watch.seconds();
      finish.Done();
    });
    finish.Wait();
    state.SetIterationTime(seconds);
  }
}

// Go's testing.PB: hands the iterations out to the fibers of one parallel run, many at a time.
class Iterations {
 public:
  class Pool {
   public:
    // Go takes as many at a time as last 100 µs; a run lasts about half a second.
    explicit Pool(int64_t n) : n_(n), grain_(std::clamp<int64_t>(n / 5000, 1, 10000)) {}

   private:
    friend class Iterations;
    alignas(64) std::atomic<int64_t> taken_{0};
    alignas(64) const int64_t n_;
    const int64_t grain_;
  };

  explicit Iterations(Pool& pool) : pool_(pool) {}

  bool Next() {
    if (left_ == 0 && !Take()) return false;
    --left_;
    return true;
  }

 private:
  bool Take() {
    // ORDER: relaxed; only the number counts, the fibers share nothing through it.
    const int64_t first = pool_.taken_.fetch_add(pool_.grain_, std::memory_order_relaxed);
    left_ = std::clamp<int64_t>(pool_.n_ - first, 0, pool_.grain_);
    return left_ > 0;
  }

  Pool& pool_;
  int64_t left_ = 0;
};

// Go: b.RunParallel, with b.SetParallelism(parallelism). Calls body(iterations) on parallelism fibers for each worker;
// each keeps what it needs in its own variables and works until Next() is false. The time is from the first start to the
// last end.
template <class Body>
void Parallel(benchmark::State& state, Body body, int parallelism = 1) {
  const auto n = static_cast<int64_t>(state.max_iterations);
  const int fibers = parallelism * Workers();
  while (state.KeepRunningBatch(n)) {
    Finish finish(fibers);
    Iterations::Pool pool(n);
    std::mutex mu;
    Watch watch;
    double seconds = 0;  // guarded by mu
    for (int f = 0; f < fibers; ++f) {
      Go([&, watch]() mutable {
        Iterations iterations(pool);
        body(iterations);
        watch.Stop();
        {
          std::lock_guard lock(mu);
          seconds = std::max(seconds, watch.seconds());
        }
        finish.Done();
      });
    }
    finish.Wait();
    state.SetIterationTime(seconds);
  }
}

}  // namespace weft::bench

#define WEFT_BENCHMARK(name) BENCHMARK(name)->UseManualTime()

#endif  // WEFT_TOOLS_BENCH_FIBER_BENCHMARK_H_
