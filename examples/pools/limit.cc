// 10,000 tasks, and never more than 10 at once: the one who starts them waits for a permit first,
// so that there are never more than 10 fibers besides it, either.
#include <algorithm>
#include <atomic>
#include <cstdio>

#include "weft/sched/main.h"
#include "weft/sync/semaphore.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    constexpr int kLimit = 10, kTasks = 10000;
    weft::Semaphore limit(kLimit);
    std::atomic<int> inside{0}, done{0};
    int most_inside = 0, most_fibers = 0;
    for (int i = 0; i < kTasks; ++i) {
      limit.Acquire();
      most_inside = std::max(most_inside, inside.load());
      most_fibers = std::max(most_fibers, weft::NumFiber());
      weft::Go([&] {
        ++inside;
        weft::Gosched();
        --inside;
        ++done;
        limit.Release();
      });
    }
    limit.Acquire(kLimit);  // all have finished
    std::printf("tasks: %d, at once: %s\n", done.load(),
                most_inside <= kLimit ? "10 at most" : "too many");
    // One that has released its permit may not be quite gone.
    std::printf("fibers: %s\n", most_fibers <= 3 * kLimit ? "a few, never thousands" : "too many");
  });
}

// Output:
// tasks: 10000, at once: 10 at most
// fibers: a few, never thousands
