// The benchmarks of timers and tickers: Go's by name, and those with a million timers more that
// never fire. tools/bench/README.md says what each does, and what its counterpart in Go is.

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "weft/chan/chan.h"
#include "weft/chan/time.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"

namespace {

using weft::bench::Iterations;
using weft::bench::Parallel;
using weft::bench::Workers;

constexpr auto kNothing = [] {};
constexpr auto kHour = absl::Hours(1);
constexpr int kGosLive = 1 << 15;  // on each worker, as Go's time package

// So many timers live as long as this does, the same number on each worker.
class LiveTimers {
 public:
  explicit LiveTimers(int on_each_worker) : timers_(Workers()) {
    auto made = weft::MakeChan<bool>(Workers());
    for (auto& mine : timers_) {
      weft::Go([&mine, made, on_each_worker] {
        for (int i = 0; i < on_each_worker; ++i) mine.push_back(weft::AfterFunc(kHour, kNothing));
        made.Send(true);
      });
    }
    for (int i = 0; i < Workers(); ++i) made.Recv();
  }
  ~LiveTimers() {
    for (const auto& some : timers_) {
      for (const weft::Timer& timer : some) timer.Stop();
    }
  }

 private:
  std::vector<std::vector<weft::Timer>> timers_;
};

template <class Body>
void BesideGosTimers(benchmark::State& state, Body body) {
  LiveTimers live(kGosLive);
  Parallel(state, body);
}

template <class Body>
void BesideAMillionTimers(benchmark::State& state, Body body) {
  LiveTimers live(1'000'000 / Workers());
  Parallel(state, body);
}

// Each timer starts the next, a thousand times; then the loop goes on.
void RunAfterFuncChain(Iterations& iterations) {
  while (iterations.Next()) {
    struct Chain {
      int left = 1000;
      weft::Chan<bool> end = weft::MakeChan<bool>();
    } chain;
    struct Link {
      Chain* chain;
      void operator()() const {
        if (--chain->left >= 0) {
          weft::AfterFunc(absl::ZeroDuration(), *this);
        } else {
          chain->end.Send(true);
        }
      }
    };
    weft::AfterFunc(absl::ZeroDuration(), Link{&chain});
    chain.end.Recv();
  }
}

void StartAndStop1000(Iterations& iterations) {
  std::vector<weft::Timer> timers(1000);
  while (iterations.Next()) {
    for (weft::Timer& timer : timers) timer = weft::AfterFunc(kHour, kNothing);
    for (const weft::Timer& timer : timers) timer.Stop();
  }
}

void ResetOne(Iterations& iterations) {
  const weft::Timer timer = weft::AfterFunc(kHour, kNothing);
  while (iterations.Next()) timer.Reset(kHour);
  timer.Stop();
}

// Whoever is the last of a thousand tells it.
struct Countdown {
  std::atomic<int> left{1000};
  weft::Chan<bool> zero = weft::MakeChan<bool>(1);

  void Done() {
    const weft::Chan<bool> mine = zero;
    // ORDER(countdown): acq_rel; pairs with itself in the others.
    if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) mine.Send(true);
  }
};

void BM_AfterFunc1000(benchmark::State& state) { BesideGosTimers(state, RunAfterFuncChain); }
WEFT_BENCHMARK(BM_AfterFunc1000);

void BM_After(benchmark::State& state) {
  BesideGosTimers(state, [](Iterations& iterations) {
    while (iterations.Next()) weft::After(absl::Nanoseconds(1)).Recv();
  });
}
WEFT_BENCHMARK(BM_After);

void BM_StopChan(benchmark::State& state) {
  BesideGosTimers(state, [](Iterations& iterations) {
    while (iterations.Next()) weft::Timer(absl::Seconds(1)).Stop();
  });
}
WEFT_BENCHMARK(BM_StopChan)->Name("BM_Stop/chan");

void BM_StopFunc(benchmark::State& state) {
  BesideGosTimers(state, [](Iterations& iterations) {
    while (iterations.Next()) weft::AfterFunc(absl::Seconds(1), kNothing).Stop();
  });
}
WEFT_BENCHMARK(BM_StopFunc)->Name("BM_Stop/func");

void BM_SimultaneousAfterFunc1000(benchmark::State& state) {
  BesideGosTimers(state, [](Iterations& iterations) {
    while (iterations.Next()) {
      auto countdown = std::make_shared<Countdown>();
      for (int i = 0; i < 1000; ++i) {
        weft::AfterFunc(absl::ZeroDuration(), [countdown] { countdown->Done(); });
      }
      countdown->zero.Recv();
    }
  });
}
WEFT_BENCHMARK(BM_SimultaneousAfterFunc1000);

void BM_StartStop1000(benchmark::State& state) { BesideGosTimers(state, StartAndStop1000); }
WEFT_BENCHMARK(BM_StartStop1000);

void BM_ResetChan(benchmark::State& state) {
  BesideGosTimers(state, [](Iterations& iterations) {
    const weft::Timer timer(kHour);
    while (iterations.Next()) timer.Reset(kHour);
    timer.Stop();
  });
}
WEFT_BENCHMARK(BM_ResetChan)->Name("BM_Reset/chan");

void BM_ResetFunc(benchmark::State& state) { BesideGosTimers(state, ResetOne); }
WEFT_BENCHMARK(BM_ResetFunc)->Name("BM_Reset/func");

void BM_Sleep1000(benchmark::State& state) {
  BesideGosTimers(state, [](Iterations& iterations) {
    while (iterations.Next()) {
      auto countdown = std::make_shared<Countdown>();
      for (int i = 0; i < 1000; ++i) {
        weft::Go([countdown] {
          weft::Sleep(absl::Nanoseconds(1));
          countdown->Done();
        });
      }
      countdown->zero.Recv();
    }
  });
}
WEFT_BENCHMARK(BM_Sleep1000);

void BM_Ticker(benchmark::State& state) {
  BesideGosTimers(state, [](Iterations& iterations) {
    const weft::Ticker ticker(absl::Nanoseconds(1));
    while (iterations.Next()) ticker.C().Recv();
    ticker.Stop();
  });
}
WEFT_BENCHMARK(BM_Ticker);

void BM_TickerReset(benchmark::State& state) {
  BesideGosTimers(state, [](Iterations& iterations) {
    const weft::Ticker ticker(absl::Nanoseconds(1));
    while (iterations.Next()) ticker.Reset(absl::Nanoseconds(2));
    ticker.Stop();
  });
}
WEFT_BENCHMARK(BM_TickerReset);

void BM_StartStopLive1M(benchmark::State& state) {
  BesideAMillionTimers(state, StartAndStop1000);
}
WEFT_BENCHMARK(BM_StartStopLive1M);

void BM_ResetLive1M(benchmark::State& state) { BesideAMillionTimers(state, ResetOne); }
WEFT_BENCHMARK(BM_ResetLive1M);

void BM_AfterFuncLive1M(benchmark::State& state) {
  BesideAMillionTimers(state, RunAfterFuncChain);
}
WEFT_BENCHMARK(BM_AfterFuncLive1M);

}  // namespace
