// Runs a Google Benchmark's loop on fibers, and times it there.
//
// Google Benchmark calls a benchmark on a plain thread and times that thread. Here the thread only
// waits: the work runs on fibers, all iterations in one go as Go's benchmarks run b.N, and the time
// that counts is taken on the fibers, so that starting the runtime and waking the thread are not in
// it. Register with WEFT_BENCHMARK.
//
// Thread safety: each function is called by Google Benchmark's thread. Blocks: that thread, until
// the fibers are done.
//
//   void BM_Gosched(benchmark::State& state) {
//     weft::bench::OnFiber(state, [](int64_t n, weft::bench::Run&) { while (n-- > 0)
//     weft::Gosched(); });
//   }
//   WEFT_BENCHMARK(BM_Gosched);

#ifndef WEFT_SCHED_TESTING_FIBER_BENCHMARK_H_
#define WEFT_SCHED_TESTING_FIBER_BENCHMARK_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "benchmark/benchmark.h"
#include "weft/sched/go.h"

namespace weft::bench {

// How many fibers run at once: WEFT_MAXPROCS when it is set.
inline int Workers() { return GOMAXPROCS(0); }

// Go's model of local work, foo *= 2; foo /= 2, as Go's compiler leaves it: one processor cycle a
// round.
inline void LocalWork(int rounds) {
  for (int i = 0; i < rounds; ++i) asm volatile("" : "+r"(i));
}

// One run of a benchmark: it lasts until all its fibers are done, and the time is that of the last.
class Run {
 public:
  explicit Run(int fibers) : left_(fibers), start_(Clock::now()) {}

  // Starts the time anew. Go: b.ResetTimer().
  void ResetTimer() { start_ = Clock::now(); }

  // By each fiber as the last thing that it does.
  void Done() {
    // ORDER(run.done): acq_rel; pairs with itself in the other fibers. The last one comes after all
    // of their work.
    if (left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    // Notifies under the lock: the waiter destroys this object as soon as it may.
    std::lock_guard lock(mu_);
    stop_ = Clock::now();
    over_ = true;
    ended_.notify_one();
  }

  // By the plain thread. Returns the seconds that count.
  double Wait() {
    std::unique_lock lock(mu_);
    ended_.wait(lock, [this] { return over_; });
    return std::chrono::duration<double>(stop_ - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;

  std::atomic<int> left_;
  Clock::time_point start_;  // by the fiber that starts the others
  std::mutex mu_;
  std::condition_variable ended_;
  Clock::time_point stop_;  // guarded by mu_
  bool over_ = false;       // guarded by mu_
};

// Calls body(iterations, run) on a fiber. It may start `others` more, each of which ends with
// run.Done().
template <class Body>
void OnFiber(benchmark::State& state, Body body, int others = 0) {
  const auto n = static_cast<int64_t>(state.max_iterations);
  while (state.KeepRunningBatch(n)) {
    Run run(others + 1);
    Go([&body, &run, n] {
      body(n, run);
      run.Done();
    });
    state.SetIterationTime(run.Wait());
  }
}

// Calls body(iterations / fibers) on that many fibers.
template <class Body>
void OnFibers(benchmark::State& state, int fibers, Body body) {
  const auto start = [&body, fibers](int64_t n, Run& run) {
    for (int f = 0; f < fibers; ++f) {
      Go([&body, &run, each = n / fibers] {
        body(each);
        run.Done();
      });
    }
  };
  OnFiber(state, start, fibers);
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

// Go: b.RunParallel, with b.SetParallelism(parallelism). Calls body(iterations) on parallelism
// fibers for each worker; each keeps what it needs in its own variables and works until Next() is
// false.
template <class Body>
void Parallel(benchmark::State& state, Body body, int parallelism = 1) {
  Iterations::Pool pool(static_cast<int64_t>(state.max_iterations));
  OnFibers(state, parallelism * Workers(), [&body, &pool](int64_t) {
    Iterations iterations(pool);
    body(iterations);
  });
}

}  // namespace weft::bench

#define WEFT_BENCHMARK(name) BENCHMARK(name)->UseManualTime()

#endif  // WEFT_SCHED_TESTING_FIBER_BENCHMARK_H_
