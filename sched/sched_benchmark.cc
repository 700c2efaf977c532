// The scheduler's benchmarks. tools/bench/README.md says what each does, and what its counterpart in Go is.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "tools/bench/fiber_benchmark.h"
#include "weft/chan/chan.h"
#include "weft/sched/go.h"
#include "weft/sched/runtime.h"
#include "weft/sync/waitgroup.h"

namespace {

using weft::bench::OnFiber;
using weft::bench::Watch;
using Clock = std::chrono::steady_clock;

double Nanoseconds(Clock::duration d) { return std::chrono::duration<double, std::nano>(d).count(); }

void BM_Yield(benchmark::State& state) {
  constexpr int kFibers = 8;
  OnFiber(state, [](int64_t n, Watch&) {
    weft::WaitGroup wg;
    wg.Add(kFibers);
    for (int f = 0; f < kFibers; ++f) {
      weft::Go([&wg, n] {
        for (int64_t i = 0; i < n / kFibers; ++i) weft::Gosched();
        wg.Done();
      });
    }
    wg.Wait();
  });
}
WEFT_BENCHMARK(BM_Yield);

void BM_SpawnJoin(benchmark::State& state) {
  constexpr int kBatch = 100;
  OnFiber(state, [](int64_t n, Watch&) {
    for (int64_t done = 0; done < n; done += kBatch) {
      weft::WaitGroup wg;
      wg.Add(kBatch);
      for (int i = 0; i < kBatch; ++i) weft::Go([&wg] { wg.Done(); });
      wg.Wait();
    }
  });
}
WEFT_BENCHMARK(BM_SpawnJoin);

// Each fiber starts the next and ends; the last one of a chain reports.
void Chain(weft::Chan<bool> end, int64_t n) {
  if (n == 0) {
    end.Send(true);
    return;
  }
  weft::Go([end, n] { Chain(end, n - 1); });
}

void CreateFibers(benchmark::State& state, int chains) {
  OnFiber(state, [chains](int64_t n, Watch&) {
    auto end = weft::MakeChan<bool>();
    for (int c = 0; c < chains; ++c) weft::Go([end, n, chains] { Chain(end, n / chains); });
    for (int c = 0; c < chains; ++c) end.Recv();
  });
}

void BM_CreateFibers(benchmark::State& state) { CreateFibers(state, 1); }
WEFT_BENCHMARK(BM_CreateFibers);

void BM_CreateFibersParallel(benchmark::State& state) { CreateFibers(state, weft::bench::Workers()); }
WEFT_BENCHMARK(BM_CreateFibersParallel);

double CpuNanoseconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](timeval t) { return 1e9 * static_cast<double>(t.tv_sec) + 1e3 * static_cast<double>(t.tv_usec); };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

void BM_Sleep(benchmark::State& state) {
  constexpr int kFibers = 10000;
  constexpr int kRounds = 20;
  static constexpr auto kNap = std::chrono::milliseconds(20);
  OnFiber(state, [&state](int64_t n, Watch&) {
    for (; n > 0; --n) {
      std::vector<double> late(kFibers * kRounds);
      const double before = CpuNanoseconds();
      weft::WaitGroup wg;
      wg.Add(kFibers);
      for (int f = 0; f < kFibers; ++f) {
        weft::Go([&wg, &late, f] {
          weft::Sleep(absl::FromChrono(kNap) / kFibers * f);
          for (int r = 0; r < kRounds; ++r) {
            const auto start = Clock::now();
            weft::Sleep(absl::FromChrono(kNap));
            late[f * kRounds + r] = Nanoseconds(Clock::now() - start - kNap);
          }
          wg.Done();
        });
      }
      wg.Wait();
      const double cpu = CpuNanoseconds() - before;
      std::sort(late.begin(), late.end());
      state.counters["cpu_ns_per_sleep"] = cpu / (kFibers * kRounds);
      state.counters["late_p50_ns"] = late[late.size() / 2];
      state.counters["late_p99_ns"] = late[late.size() / 100 * 99];
    }
  });
}
WEFT_BENCHMARK(BM_Sleep)->Iterations(1);

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

void BM_Parked1M(benchmark::State& state) {
  constexpr int kFibers = 1'000'000;
  OnFiber(state, [&state](int64_t n, Watch&) {
    for (; n > 0; --n) {
      const double before = ResidentBytes();
      auto gate = weft::MakeChan<weft::Empty>();
      weft::WaitGroup running, ended;
      running.Add(kFibers);
      ended.Add(kFibers);
      const auto start = Clock::now();
      for (int f = 0; f < kFibers; ++f) {
        weft::Go([&running, &ended, gate] {
          running.Done();
          gate.Recv();
          ended.Done();
        });
      }
      running.Wait();
      const auto created = Clock::now();
      weft::Sleep(absl::Milliseconds(50));  // the last fibers that said "running" park meanwhile
      const double after = ResidentBytes();
      const auto closed = Clock::now();
      gate.Close();
      ended.Wait();
      const auto woken = Clock::now();
      state.counters["create_ns"] = Nanoseconds(created - start) / kFibers;
      state.counters["wake_ns"] = Nanoseconds(woken - closed) / kFibers;
      state.counters["rss_bytes_per_fiber"] = (after - before) / kFibers;
    }
  });
}
WEFT_BENCHMARK(BM_Parked1M)->Iterations(1);

}  // namespace
