// Java's ExecutorService: a fiber is cheap, so that a pool is only needed to limit how many run at
// once; submit, invokeAll, invokeAny, shutdown and awaitTermination; CountDownLatch and
// CyclicBarrier.
#include <atomic>
#include <cstdio>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/context/context.h"
#include "weft/patterns/future.h"
#include "weft/patterns/scope.h"
#include "weft/patterns/when.h"
#include "weft/sched/main.h"
#include "weft/sync/barrier.h"
#include "weft/sync/latch.h"
#include "weft/sync/semaphore.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    weft::Scope executor(weft::Background());  // Executors.newVirtualThreadPerTaskExecutor()
    weft::Semaphore four(4);                   // newFixedThreadPool(4)
    std::vector<weft::Future<int>> squares;    // invokeAll(tasks)
    for (int i = 1; i <= 10; ++i) {
      squares.push_back(
          weft::Async(executor, [&four, i](const weft::Context& ctx) -> absl::StatusOr<int> {
            if (absl::Status s = four.Acquire(ctx); !s.ok()) return s;
            const int square = i * i;
            four.Release();
            return square;
          }));
    }
    int sum = 0;
    for (const auto& square : squares) sum += *square.Get();
    std::printf("invokeAll: %d\n", sum);
    std::printf("invokeAny: one of them is done: %d\n",
                squares[*weft::WhenAny(squares).Get()].done());

    weft::Latch latch(3);  // new CountDownLatch(3)
    for (int i = 0; i < 3; ++i) executor.Go([&] { latch.CountDown(); });
    latch.Wait();
    std::printf("latch: %d\n", static_cast<int>(latch.Count()));

    std::atomic<int> rounds{0};
    weft::Barrier barrier(3, [&] { ++rounds; });  // new CyclicBarrier(3, action)
    for (int i = 0; i < 3; ++i) {
      executor.Go([&]() -> absl::Status {
        for (int round = 0; round < 2; ++round) {
          if (auto missing = barrier.ArriveAndWait(); !missing.ok()) return missing.status();
        }
        return absl::OkStatus();
      });
    }
    absl::Status s = executor.Join();  // shutdown(); awaitTermination(…)
    std::printf("barrier: %d rounds; %s\n", rounds.load(), s.ToString().c_str());
  });
}

// Output:
// invokeAll: 385
// invokeAny: one of them is done: 1
// latch: 0
// barrier: 2 rounds; OK
