// The runtime on aarch64, see check.sh: fibers that change threads, exceptions, timers, blocking
// calls, and hogs whose processor is taken. Status 0 if all have done what they should.
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <stdexcept>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/sched/blocking.h"
#include "weft/sched/go.h"
#include "weft/sched/main.h"
#include "weft/sched/park.h"
#include "weft/sched/runtime.h"
#include "weft/sched/timer.h"

namespace {

constexpr int kSenders = 50;
constexpr int kSends = 200;
constexpr int kThrowers = 20;
constexpr int kHogs = 6;

int64_t SumThroughAChannel() {
  const auto numbers = weft::MakeChan<int>(2);
  for (int sender = 0; sender < kSenders; ++sender) {
    weft::Go([numbers, sender] {
      for (int i = 0; i < kSends; ++i) {
        numbers.Send(i);
        if (i % kSenders == sender) weft::Sleep(absl::Milliseconds(1));
      }
    });
  }
  int64_t sum = 0;
  for (int i = 0; i < kSenders * kSends; ++i) sum += numbers.Recv().value();
  return sum;
}

int CaughtAcrossSwitches() {
  const auto caught = weft::MakeChan<int>();
  for (int i = 0; i < kThrowers; ++i) {
    weft::Go([caught] {
      int count = 0;
      try {
        weft::Gosched();
        throw std::runtime_error("thrown on a fiber");
      } catch (const std::runtime_error&) {
        weft::Gosched();
        ++count;
      }
      weft::Blocking([] { usleep(2'000); });
      caught.Send(count);
    });
  }
  int sum = 0;
  for (int i = 0; i < kThrowers; ++i) sum += caught.Recv().value();
  return sum;
}

int HogsThatEnd() {
  std::atomic<bool> stop = false;
  const auto ended = weft::MakeChan<int>();
  for (int i = 0; i < kHogs; ++i) {
    weft::Go([&stop, ended] {
      while (!stop.load(std::memory_order_relaxed)) {
      }
      ended.Send(1);
    });
  }
  weft::Sleep(absl::Milliseconds(30));
  stop = true;
  int sum = 0;
  for (int i = 0; i < kHogs; ++i) sum += ended.Recv().value();
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    weft::GOMAXPROCS(2);
    const bool right = SumThroughAChannel() == kSenders * (kSends * (kSends - 1) / 2) &&
                       CaughtAcrossSwitches() == kThrowers && HogsThatEnd() == kHogs;
    std::puts(right ? "the runtime is right" : "the runtime is wrong");
    return right ? 0 : 1;
  });
}
