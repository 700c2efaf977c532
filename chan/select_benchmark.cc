// Select's benchmarks. tools/bench/README.md says what each does, and what its counterpart in Go
// is.

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fiber_benchmark.h"

namespace {

using weft::OnDefault;
using weft::OnRecv;
using weft::OnSend;
using weft::Select;
using weft::bench::Iterations;
using weft::bench::LocalWork;
using weft::bench::OnFiber;
using weft::bench::Parallel;
using weft::bench::Run;
using weft::bench::Workers;

using Int = int64_t;  // Go's int
constexpr auto kNothing = [] {};

// Moves one element to and fro between two channels of its own, or shared ones.
void Swing(Iterations& iterations, weft::Chan<Int> a, weft::Chan<Int> b) {
  a.Send(0);
  while (iterations.Next()) {
    switch (Select(OnRecv(a), OnRecv(b))) {
      case 0:
        b.Send(0);
        break;
      case 1:
        a.Send(0);
        break;
    }
  }
}

void BM_SelectUncontended(benchmark::State& state) {
  Parallel(state, [](Iterations& iterations) {
    Swing(iterations, weft::MakeChan<Int>(1), weft::MakeChan<Int>(1));
  });
}
WEFT_BENCHMARK(BM_SelectUncontended);

void BM_SelectAsyncContended(benchmark::State& state) {
  auto a = weft::MakeChan<Int>(Workers());
  auto b = weft::MakeChan<Int>(Workers());
  Parallel(state, [a, b](Iterations& iterations) { Swing(iterations, a, b); });
}
WEFT_BENCHMARK(BM_SelectAsyncContended);

void BM_SelectSyncContended(benchmark::State& state) {
  auto a = weft::MakeChan<Int>();
  auto b = weft::MakeChan<Int>();
  auto c = weft::MakeChan<Int>();
  auto done = weft::MakeChan<Int>();
  Parallel(state, [=](Iterations& iterations) {
    weft::Go([=] {
      while (Select(OnSend(a, Int{0}), OnSend(b, Int{0}), OnSend(c, Int{0}), OnRecv(done)) != 3) {
      }
    });
    while (iterations.Next()) Select(OnRecv(a), OnRecv(b), OnRecv(c));
  });
  done.Close();
}
WEFT_BENCHMARK(BM_SelectSyncContended);

void BM_SelectNonblock(benchmark::State& state) {
  auto a = weft::MakeChan<Int>();
  auto b = weft::MakeChan<Int>();
  auto c = weft::MakeChan<Int>(1);
  auto d = weft::MakeChan<Int>(1);
  Parallel(state, [=](Iterations& iterations) {
    while (iterations.Next()) {
      Select(OnRecv(a), OnDefault(kNothing));
      Select(OnSend(b, Int{0}), OnDefault(kNothing));
      Select(OnRecv(c), OnDefault(kNothing));
      Select(OnSend(d, Int{0}), OnDefault(kNothing));
    }
  });
}
WEFT_BENCHMARK(BM_SelectNonblock);

void BM_SelectProdCons(benchmark::State& state) {
  constexpr int kCallsPerSched = 1000;
  const int pairs = Workers();
  OnFiber(state, [pairs](int64_t n, Run&) {
    std::atomic<int> rounds{static_cast<int>(n / kCallsPerSched)};
    auto done = weft::MakeChan<bool>(2 * pairs);
    auto c = weft::MakeChan<Int>(128);
    auto close = weft::MakeChan<bool>();
    for (int p = 0; p < pairs; ++p) {
      weft::Go([&rounds, done, c, close] {
        auto timer = weft::After(absl::Hours(1));  // is not to fire
        // ORDER: relaxed; a count, nothing is published by it.
        while (rounds.fetch_sub(1, std::memory_order_relaxed) - 1 >= 0) {
          for (int g = 0; g < kCallsPerSched; ++g) {
            LocalWork(100);
            Select(OnSend(c, Int{1}), OnRecv(timer), OnRecv(close));
          }
        }
        c.Send(0);
        done.Send(false);
      });
      weft::Go([done, c, close] {
        auto timer = weft::After(absl::Hours(1));
        std::optional<Int> v;
        while (Select(OnRecv(c, &v), OnRecv(timer), OnRecv(close)) != 0 || *v != 0) LocalWork(100);
        done.Send(false);
      });
    }
    for (int d = 0; d < 2 * pairs; ++d) done.Recv();
  });
}
WEFT_BENCHMARK(BM_SelectProdCons);

// A thousand fibers select between a channel that they share and one of their own; only their own
// are sent on.
void BM_ChanPopular(benchmark::State& state) {
  constexpr int kFibers = 1000;
  OnFiber(state, [](int64_t n, Run&) {
    auto shared = weft::MakeChan<bool>();
    auto done = weft::MakeChan<bool>(kFibers);
    std::vector<weft::Chan<bool>> own;
    for (int f = 0; f < kFibers; ++f) {
      own.push_back(weft::MakeChan<bool>());
      weft::Go([n, shared, done, mine = own.back()] {
        for (int64_t i = 0; i < n; ++i) Select(OnRecv(shared), OnRecv(mine));
        done.Send(true);
      });
    }
    for (int64_t i = 0; i < n; ++i) {
      for (auto& c : own) c.Send(true);
    }
    for (int f = 0; f < kFibers; ++f) done.Recv();
  });
}
WEFT_BENCHMARK(BM_ChanPopular);

}  // namespace
