// The channels' benchmarks but select's. tools/bench/README.md says what each does, and what its
// counterpart in Go is.

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/std_queue.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"

namespace {

using weft::bench::Iterations;
using weft::bench::OnFiber;
using weft::bench::Parallel;
using weft::bench::Run;
using weft::bench::StdQueue;
using weft::bench::Workers;

using Int = int64_t;                  // Go's int
constexpr int kCallsPerSched = 1000;  // as Go: ops between two looks at the shared counter

void BM_ChanUncontended(benchmark::State& state) {
  constexpr int kElements = 100;
  Parallel(state, [](Iterations& iterations) {
    auto c = weft::MakeChan<Int>(kElements);
    while (iterations.Next()) {
      for (int i = 0; i < kElements; ++i) c.Send(0);
      for (int i = 0; i < kElements; ++i) c.Recv();
    }
  });
}
WEFT_BENCHMARK(BM_ChanUncontended);

void BM_ChanContended(benchmark::State& state) {
  constexpr int kElements = 100;
  auto c = weft::MakeChan<Int>(kElements * Workers());
  Parallel(state, [c](Iterations& iterations) mutable {
    while (iterations.Next()) {
      for (int i = 0; i < kElements; ++i) c.Send(0);
      for (int i = 0; i < kElements; ++i) c.Recv();
    }
  });
}
WEFT_BENCHMARK(BM_ChanContended);

void BM_ChanSync(benchmark::State& state) {
  constexpr int kFibers = 2;
  OnFiber(state, [](int64_t n, Run&) {
    std::atomic<int> rounds{static_cast<int>(n / kCallsPerSched / kFibers * kFibers)};
    auto done = weft::MakeChan<bool>(kFibers);
    auto c = weft::MakeChan<Int>();
    for (int f = 0; f < kFibers; ++f) {
      weft::Go([&rounds, done, c]() mutable {
        // ORDER: relaxed, here and below; a count, nothing is published by it.
        for (int i; (i = rounds.fetch_sub(1, std::memory_order_relaxed) - 1) >= 0;) {
          for (int g = 0; g < kCallsPerSched; ++g) {
            if (i % 2 == 0) {
              c.Recv();
              c.Send(0);
            } else {
              c.Send(0);
              c.Recv();
            }
          }
        }
        done.Send(true);
      });
    }
    for (int f = 0; f < kFibers; ++f) done.Recv();
  });
}
WEFT_BENCHMARK(BM_ChanSync);

void BM_ChanProdCons(benchmark::State& state) {
  const auto size = static_cast<int>(state.range(0));
  const int pairs = Workers();
  OnFiber(state, [size, pairs](int64_t n, Run&) {
    std::atomic<int> rounds{static_cast<int>(n / kCallsPerSched)};
    auto done = weft::MakeChan<bool>(2 * pairs);
    auto c = weft::MakeChan<Int>(size);
    for (int p = 0; p < pairs; ++p) {
      weft::Go([&rounds, done, c]() mutable {
        while (rounds.fetch_sub(1, std::memory_order_relaxed) - 1 >= 0) {
          for (int g = 0; g < kCallsPerSched; ++g) c.Send(1);
        }
        c.Send(0);
        done.Send(true);
      });
      weft::Go([done, c]() mutable {
        while (*c.Recv() != 0) {
        }
        done.Send(true);
      });
    }
    for (int d = 0; d < 2 * pairs; ++d) done.Recv();
  });
}
WEFT_BENCHMARK(BM_ChanProdCons)->Arg(0)->Arg(10)->Arg(100);

void BM_PingPong(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run&) {
    auto ping = weft::MakeChan<Int>();
    auto pong = weft::MakeChan<Int>();
    weft::Go([ping, pong, n]() mutable {
      for (int64_t i = 0; i < n; ++i) pong.Send(*ping.Recv());
    });
    for (int64_t i = 0; i < n; ++i) {
      ping.Send(i);
      pong.Recv();
    }
  });
}
WEFT_BENCHMARK(BM_PingPong);

void Buffered(benchmark::State& state, int pairs) {
  OnFiber(state, [pairs](int64_t n, Run&) {
    auto c = weft::MakeChan<Int>(128);
    auto done = weft::MakeChan<bool>(2 * pairs);
    for (int p = 0; p < pairs; ++p) {
      weft::Go([c, done, each = n / pairs]() mutable {
        for (int64_t i = 0; i < each; ++i) c.Send(i);
        done.Send(true);
      });
      weft::Go([c, done, each = n / pairs]() mutable {
        for (int64_t i = 0; i < each; ++i) c.Recv();
        done.Send(true);
      });
    }
    for (int d = 0; d < 2 * pairs; ++d) done.Recv();
  });
}

void BM_Buffered1x1(benchmark::State& state) { Buffered(state, 1); }
WEFT_BENCHMARK(BM_Buffered1x1);

void BM_Buffered4x4(benchmark::State& state) { Buffered(state, 4); }
WEFT_BENCHMARK(BM_Buffered4x4);

void SkynetNode(weft::Chan<Int> result, Int num, Int size) {
  if (size == 1) {
    result.Send(num);
    return;
  }
  auto children = weft::MakeChan<Int>();
  for (int i = 0; i < 10; ++i) {
    weft::Go([children, child = num + i * (size / 10), size] {
      SkynetNode(children, child, size / 10);
    });
  }
  Int sum = 0;
  for (int i = 0; i < 10; ++i) sum += *children.Recv();
  result.Send(sum);
}

Int SkynetTree() {
  auto result = weft::MakeChan<Int>();
  weft::Go([result] { SkynetNode(result, 0, 1'000'000); });
  return *result.Recv();
}

void BM_Skynet(benchmark::State& state) {
  Int sum = 0;
  OnFiber(state, [&sum](int64_t n, Run& run) {
    SkynetTree();  // Go's testing package runs one tree before the three that it times
    run.ResetTimer();
    for (int64_t i = 0; i < n; ++i) sum = SkynetTree();
  });
  if (sum != 499'999'500'000) state.SkipWithError("wrong sum");
}
WEFT_BENCHMARK(BM_Skynet)->Iterations(3);

// The resident set of this process.
double ResidentBytes() {
  char text[128] = {};
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  long total = 0, resident = 0;
  if (length <= 0 || std::sscanf(text, "%ld %ld", &total, &resident) != 2) return 0;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

struct ParkedTimes {
  double create_ns = 0;  // until all run
  double wake_ns = 0;    // from when they may go on until all have
};

// Starts `fibers` that receive from one channel, calls at_peak() once they are parked, and ends them.
template <typename AtPeak>
ParkedTimes ParkAndEnd(int fibers, AtPeak at_peak) {
  using Clock = std::chrono::steady_clock;
  const auto each = [fibers](Clock::duration d) {
    return std::chrono::duration<double, std::nano>(d).count() / fibers;
  };
  auto gate = weft::MakeChan<weft::Empty>();
  auto all = weft::MakeChan<bool>(1);
  // ORDER: acq_rel, both; as a WaitGroup's counter, which Go uses here.
  std::atomic<int> starting{fibers}, ending{fibers};
  const auto start = Clock::now();
  for (int f = 0; f < fibers; ++f) {
    weft::Go([&starting, &ending, gate, all]() mutable {
      if (starting.fetch_sub(1, std::memory_order_acq_rel) == 1) all.Send(true);
      gate.Recv();
      if (ending.fetch_sub(1, std::memory_order_acq_rel) == 1) all.Send(true);
    });
  }
  all.Recv();
  const auto created = Clock::now();
  weft::Sleep(absl::Milliseconds(50));  // the last fibers park meanwhile
  at_peak();
  const auto closed = Clock::now();
  gate.Close();
  all.Recv();
  return {each(created - start), each(Clock::now() - closed)};
}

constexpr int kMillion = 1'000'000;

void BM_Parked1M(benchmark::State& state) {
  OnFiber(state, [&](int64_t n, Run&) {
    for (; n > 0; --n) {
      const double before = ResidentBytes();
      double peak = 0;
      const auto times = ParkAndEnd(kMillion, [&peak] { peak = ResidentBytes(); });
      state.counters["create_ns"] = times.create_ns;
      state.counters["wake_ns"] = times.wake_ns;
      state.counters["rss_bytes_per_fiber"] = (peak - before) / kMillion;
    }
  });
}
WEFT_BENCHMARK(BM_Parked1M)->Iterations(1);

void BM_IdleAfter1M(benchmark::State& state) {
  OnFiber(state, [&](int64_t, Run&) {
    ParkAndEnd(100, [] {});
    const double before = ResidentBytes();
    ParkAndEnd(kMillion, [] {});
    weft::Sleep(absl::Seconds(30));
    state.counters["before_bytes"] = before;
    state.counters["after_bytes"] = ResidentBytes();
  });
}
WEFT_BENCHMARK(BM_IdleAfter1M)->Iterations(1);

void BM_ChanCreation(benchmark::State& state) {
  Parallel(state, [](Iterations& iterations) {
    while (iterations.Next()) {
      auto c = weft::MakeChan<Int>(1);
      c.Send(0);
      c.Recv();
    }
  });
}
WEFT_BENCHMARK(BM_ChanCreation);

void BM_ChanSem(benchmark::State& state) {
  auto c = weft::MakeChan<weft::Empty>(Workers());
  Parallel(state, [c](Iterations& iterations) mutable {
    while (iterations.Next()) {
      c.Send(weft::Empty{});
      c.Recv();
    }
  });
}
WEFT_BENCHMARK(BM_ChanSem);

void BM_ReceiveDataFromClosedChan(benchmark::State& state) {
  OnFiber(state, [](int64_t n, Run& run) {
    auto c = weft::MakeChan<weft::Empty>(static_cast<int>(n));
    for (int64_t i = 0; i < n; ++i) c.Send(weft::Empty{});
    c.Close();
    run.ResetTimer();
    while (c.Recv()) {
    }
  });
}
WEFT_BENCHMARK(BM_ReceiveDataFromClosedChan);

void BM_ChanNonblocking(benchmark::State& state) {
  auto c = weft::MakeChan<Int>();
  Parallel(state, [c](Iterations& iterations) mutable {
    while (iterations.Next()) benchmark::DoNotOptimize(c.TryRecv());
  });
}
WEFT_BENCHMARK(BM_ChanNonblocking);

void BM_ChanClosed(benchmark::State& state) {
  auto c = weft::MakeChan<weft::Empty>();
  c.Close();
  Parallel(state, [c](Iterations& iterations) mutable {
    while (iterations.Next()) benchmark::DoNotOptimize(c.TryRecv());
  });
}
WEFT_BENCHMARK(BM_ChanClosed);

// The peer: a bounded queue of std::mutex and two std::condition_variables, used by threads. Size 1
// stands for an unbuffered channel, which has no counterpart in std.

void BM_StdPingPong(benchmark::State& state) {
  const auto n = static_cast<int64_t>(state.max_iterations);
  while (state.KeepRunningBatch(n)) {
    StdQueue ping(1), pong(1);
    std::thread peer([&] {
      for (int64_t i = 0; i < n; ++i) pong.Send(ping.Recv());
    });
    for (int64_t i = 0; i < n; ++i) {
      ping.Send(i);
      pong.Recv();
    }
    peer.join();
  }
}
BENCHMARK(BM_StdPingPong)->UseRealTime();

void StdBuffered(benchmark::State& state, int pairs) {
  const auto n = static_cast<int64_t>(state.max_iterations);
  while (state.KeepRunningBatch(n)) {
    StdQueue queue(128);
    std::vector<std::thread> threads;
    for (int p = 0; p < pairs; ++p) {
      threads.emplace_back([&queue, each = n / pairs] {
        for (int64_t i = 0; i < each; ++i) queue.Send(i);
      });
      threads.emplace_back([&queue, each = n / pairs] {
        for (int64_t i = 0; i < each; ++i) queue.Recv();
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

void BM_StdBuffered1x1(benchmark::State& state) { StdBuffered(state, 1); }
BENCHMARK(BM_StdBuffered1x1)->UseRealTime();

void BM_StdBuffered4x4(benchmark::State& state) { StdBuffered(state, 4); }
BENCHMARK(BM_StdBuffered4x4)->UseRealTime();

}  // namespace
