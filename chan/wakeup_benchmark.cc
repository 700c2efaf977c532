// What it takes a fiber that was made ready to run: beside a hog, on the other processor, and among
// a hundred thousand. tools/bench/README.md says what each does, and what its counterpart in Go is.

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/blocking.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"

namespace {

using std::chrono::nanoseconds;
using weft::bench::OnFiber;
using weft::bench::Run;

using Bool = weft::Chan<bool>;

void BM_PingPongHog(benchmark::State& state) {
  constexpr int kOthers = 3;
  const auto body = [](int64_t n, Run& run) {
    Bool stop = weft::MakeChan<bool>();
    Bool ping = weft::MakeChan<bool>();
    Bool pong = weft::MakeChan<bool>();
    weft::Go([&run, stop] {
      while (weft::Select(weft::OnRecv(stop), weft::OnDefault()) != 0) {
      }
      run.Done();
    });
    weft::Go([&run, n, stop, ping, pong] {
      for (int64_t i = 0; i < n; ++i) pong.Send(*ping.Recv());
      stop.Close();
      run.Done();
    });
    weft::Go([&run, n, ping, pong] {
      for (int64_t i = 0; i < n; ++i) ping.Send(*pong.Recv());
      run.Done();
    });
    run.ResetTimer();
    ping.Send(true);
    stop.Recv();
    ping.Recv();  // lets the last one end
  };
  OnFiber(state, body, kOthers);
}
WEFT_BENCHMARK(BM_PingPongHog);

void Spin(nanoseconds d) {
  const auto end = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < end) {
  }
}

void SleepInTheKernel(nanoseconds d) {
  const timespec span = {0, static_cast<long>(d.count())};
  weft::Blocking([&span] { nanosleep(&span, nullptr); });
}

// Two fibers by turns spin for `delay` and receive, and spin for longer and send: the one who
// receives is parked, and should be run on the other processor at once.
void WakeupParallel(benchmark::State& state, nanoseconds delay, void (*spin)(nanoseconds)) {
  constexpr nanoseconds kWakeDelay{5000};
  const auto body = [=](int64_t n, Run& run) {
    Bool ping = weft::MakeChan<bool>();
    Bool pong = weft::MakeChan<bool>();
    weft::Go([=, &run] {
      for (int64_t i = 0; i < n; ++i) {
        spin(delay);
        ping.Recv();
        spin(delay + kWakeDelay);
        pong.Send(true);
      }
      run.Done();
    });
    for (int64_t i = 0; i < n; ++i) {
      spin(delay + kWakeDelay);
      ping.Send(true);
      spin(delay);
      pong.Recv();
    }
  };
  OnFiber(state, body, /*others=*/1);
}

constexpr nanoseconds kMicrosecond{1000};

void RegisterWakeups() {
  struct Kind {
    const char* name;
    void (*spin)(nanoseconds);
  };
  struct Delay {
    const char* name;
    nanoseconds delay;
  };
  for (const Kind kind : {Kind{"Spinning", &Spin}, Kind{"Syscall", &SleepInTheKernel}}) {
    for (const Delay delay :
         {Delay{"0s", nanoseconds{0}}, Delay{"1us", kMicrosecond}, Delay{"10us", 10 * kMicrosecond},
          Delay{"100us", 100 * kMicrosecond}}) {
      const std::string name = std::string("BM_WakeupParallel") + kind.name + "/" + delay.name;
      benchmark::RegisterBenchmark(name.c_str(), [kind, delay](benchmark::State& state) {
        WakeupParallel(state, delay.delay, kind.spin);
      })->UseManualTime();
    }
  }
}
const bool registered = (RegisterWakeups(), true);

// A hundred thousand fibers, let go in random order, then each yields to all others ten times: no
// two that follow each other are neighbours in memory.
void BM_Runnable100k(benchmark::State& state) {
  constexpr int kFibers = 100'000;
  constexpr int kYields = 10;
  const auto body = [](int64_t, Run& run) {
    std::vector<Bool> go(kFibers);
    for (Bool& c : go) {
      c = weft::MakeChan<bool>();
      weft::Go([c, &run] {
        c.Recv();
        for (int i = 0; i < kYields; ++i) weft::Gosched();
        run.Done();
      });
    }
    weft::Gosched();
    std::shuffle(go.begin(), go.end(), std::minstd_rand(1));
    run.ResetTimer();
    for (const Bool& c : go) c.Close();
  };
  OnFiber(state, body, kFibers);
}
WEFT_BENCHMARK(BM_Runnable100k)->Iterations(1);

}  // namespace
