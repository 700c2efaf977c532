// The same traffic through weft's channels, through boost::fibers' channels, and through a bounded
// queue of a mutex and two condition variables, once the standard library's on threads and once
// weft's on fibers.
//
// Workers: WEFT_MAXPROCS. For boost::fibers that many threads, over which the fibers are spread;
// the standard queue's threads have as many processors as the caller gives (taskset). A figure is
// per element, except PingPong's, which is per round trip.
#include <boost/fiber/all.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/std_queue.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"
#include "weft/sync/cond.h"
#include "weft/sync/mutex.h"
#include "weft/sync/waitgroup.h"

namespace {

using weft::bench::OnFiber;
using weft::bench::Run;
using weft::bench::StdQueue;
using weft::bench::Workers;

using Int = int64_t;

// ---- Channels: Send() and Recv() ----

struct WeftChan {
  explicit WeftChan(int size) : chan(weft::MakeChan<Int>(size)) {}
  void Send(Int value) { chan.Send(value); }
  Int Recv() { return *chan.Recv(); }

  weft::Chan<Int> chan;
};

// Has room for one less than it is asked for, which must be a power of two.
struct BoostBuffered {
  explicit BoostBuffered(int size) : chan(static_cast<size_t>(size)) {}
  void Send(Int value) { chan.push(value); }
  Int Recv() { return chan.value_pop(); }

  boost::fibers::buffered_channel<Int> chan;
};

struct BoostUnbuffered {
  explicit BoostUnbuffered(int) {}
  void Send(Int value) { chan.push(value); }
  Int Recv() { return chan.value_pop(); }

  boost::fibers::unbuffered_channel<Int> chan;
};

class WeftQueue {
 public:
  explicit WeftQueue(int size) : size_(size == 0 ? 1 : static_cast<size_t>(size)) {}

  void Send(Int value) {
    {
      weft::MutexLock lock(mu_);
      not_full_.Wait([this] { return values_.size() < size_; });
      values_.push_back(value);
    }
    not_empty_.Signal();
  }

  Int Recv() {
    Int value;
    {
      weft::MutexLock lock(mu_);
      not_empty_.Wait([this] { return !values_.empty(); });
      value = values_.front();
      values_.pop_front();
    }
    not_full_.Signal();
    return value;
  }

 private:
  const size_t size_;
  weft::Mutex mu_;
  weft::Cond not_full_{mu_}, not_empty_{mu_};
  std::deque<Int> values_;
};

// ---- Who runs the traffic ----

using Body = std::function<void()>;

// Runs all bodies at once, and ends with them.
void RunOnThreads(const std::vector<Body>& bodies) {
  std::vector<std::thread> threads;
  for (const Body& body : bodies) threads.emplace_back(body);
  for (std::thread& thread : threads) thread.join();
}

void RunOnBoostFibers(const std::vector<Body>& bodies) {
  const auto workers = static_cast<size_t>(Workers());
  std::vector<Body> threads;
  for (size_t w = 0; w < workers; ++w) {
    threads.push_back([&bodies, w, workers] {
      std::vector<boost::fibers::fiber> fibers;
      for (size_t i = w; i < bodies.size(); i += workers) fibers.emplace_back(bodies[i]);
      for (boost::fibers::fiber& fiber : fibers) fiber.join();
    });
  }
  RunOnThreads(threads);
}

void RunOnFibers(const std::vector<Body>& bodies) {
  weft::WaitGroup done;
  for (const Body& body : bodies) done.Go(body);
  done.Wait();
}

// ---- Traffic ----

template <typename Channel>
std::vector<Body> Uncontended(Channel& c, Int n) {
  return {[&c, n] {
    constexpr int kElements = 100;
    for (Int i = 0; i < n; i += kElements) {
      for (int k = 0; k < kElements; ++k) c.Send(k);
      for (int k = 0; k < kElements; ++k) benchmark::DoNotOptimize(c.Recv());
    }
  }};
}

template <typename Channel>
std::vector<Body> PingPong(std::pair<Channel, Channel>& c, Int n) {
  return {[&c, n] {
            for (Int i = 0; i < n; ++i) {
              c.first.Send(i);
              benchmark::DoNotOptimize(c.second.Recv());
            }
          },
          [&c, n] {
            for (Int i = 0; i < n; ++i) c.second.Send(c.first.Recv());
          }};
}

// One way: `pairs` senders, as many receivers. The receivers stand on another worker than the
// senders where they can.
template <typename Channel>
std::vector<Body> OneWay(Channel& c, int pairs, Int n) {
  std::vector<Body> bodies;
  for (int p = 0; p < pairs; ++p) {
    bodies.push_back([&c, each = n / pairs] {
      for (Int i = 0; i < each; ++i) c.Send(i);
    });
    bodies.push_back([&c, each = n / pairs] {
      for (Int i = 0; i < each; ++i) benchmark::DoNotOptimize(c.Recv());
    });
  }
  return bodies;
}

// ---- Rows ----

using RunFn = void (*)(const std::vector<Body>&);

// Traffic through a channel that is made anew for each run of n elements.
template <typename Make>
void Row(benchmark::State& state, RunFn run, Make make) {
  if (run == &RunOnFibers) {
    OnFiber(state, [make](int64_t n, Run&) { make(n, &RunOnFibers); });
    return;
  }
  const auto n = static_cast<int64_t>(state.max_iterations);
  while (state.KeepRunningBatch(n)) {
    const auto start = std::chrono::steady_clock::now();
    make(n, run);
    state.SetIterationTime(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
}

constexpr int kSize = 128;

template <typename Channel>
void RegisterBuffered(const char* who, RunFn run) {
  const auto add = [](const std::string& name, auto fn) {
    benchmark::RegisterBenchmark(name.c_str(), fn)->UseManualTime();
  };
  const std::string suffix = std::string("/") + who;
  add("Uncontended" + suffix, [run](benchmark::State& state) {
    Row(state, run, [](int64_t n, RunFn go) {
      Channel c(kSize);
      go(Uncontended(c, n));
    });
  });
  for (int pairs : {1, 4}) {
    const std::string row = "Buffered" + std::to_string(pairs) + "x" + std::to_string(pairs);
    add(row + suffix, [run, pairs](benchmark::State& state) {
      Row(state, run, [pairs](int64_t n, RunFn go) {
        Channel c(kSize);
        go(OneWay(c, pairs, n));
      });
    });
  }
}

template <typename Channel>
void RegisterUnbuffered(const char* who, RunFn run) {
  const std::string suffix = std::string("/") + who;
  benchmark::RegisterBenchmark(("PingPong" + suffix).c_str(), [run](benchmark::State& state) {
    Row(state, run, [](int64_t n, RunFn go) {
      std::pair<Channel, Channel> c(0, 0);
      go(PingPong(c, n));
    });
  })->UseManualTime();
  benchmark::RegisterBenchmark(("Unbuffered1x1" + suffix).c_str(), [run](benchmark::State& state) {
    Row(state, run, [](int64_t n, RunFn go) {
      Channel c(0);
      go(OneWay(c, 1, n));
    });
  })->UseManualTime();
}

}  // namespace

int main(int argc, char** argv) {
  RegisterBuffered<WeftChan>("weft", &RunOnFibers);
  RegisterBuffered<BoostBuffered>("boost_fiber", &RunOnBoostFibers);
  RegisterBuffered<WeftQueue>("weft_mutex_cond", &RunOnFibers);
  RegisterBuffered<StdQueue>("std_mutex_cond", &RunOnThreads);
  RegisterUnbuffered<WeftChan>("weft", &RunOnFibers);
  RegisterUnbuffered<BoostUnbuffered>("boost_fiber", &RunOnBoostFibers);
  RegisterUnbuffered<WeftQueue>("weft_mutex_cond", &RunOnFibers);
  RegisterUnbuffered<StdQueue>("std_mutex_cond", &RunOnThreads);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
