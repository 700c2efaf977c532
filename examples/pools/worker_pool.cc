// A pool of 4 workers that share a queue of 10, and 15 tasks: the last ones wait until there is
// room.
#include <atomic>
#include <cstdio>
#include <functional>

#include "weft/chan/chan.h"
#include "weft/sched/main.h"
#include "weft/sync/waitgroup.h"

using Task = std::function<int()>;

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    constexpr int kWorkers = 4, kQueue = 10, kTasks = 15;
    auto tasks = weft::MakeChan<Task>(kQueue);
    auto results = weft::MakeChan<int>(kTasks);

    int queued = 0;
    while (queued < kTasks && tasks.TrySend([n = queued] { return n * n; })) ++queued;
    std::printf("queued without waiting, before there are workers: %d\n", queued);

    std::atomic<int> inside{0}, most{0};
    weft::WaitGroup workers;
    for (int w = 0; w < kWorkers; ++w) {
      workers.Go([&] {
        for (Task task : tasks) {
          const int now = ++inside;
          for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
          }
          results.Send(task());
          weft::Gosched();
          --inside;
        }
      });
    }
    for (; queued < kTasks; ++queued) {
      tasks.Send([n = queued] { return n * n; });
    }
    tasks.Close();
    workers.Wait();
    results.Close();

    int count = 0, sum = 0;
    for (int square : results) {
      ++count;
      sum += square;
    }
    std::printf("results: %d, sum %d; more than %d at once: %s\n", count, sum, kWorkers,
                most > kWorkers ? "yes" : "no");
  });
}

// Output:
// queued without waiting, before there are workers: 10
// results: 15, sum 1015; more than 4 at once: no
