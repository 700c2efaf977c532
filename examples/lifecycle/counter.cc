// A counter that 1,000 fibers count up: in two steps, as the processor does it, which loses counts;
// atomically; and under a lock.
#include <cstdio>

#include "weft/sched/main.h"
#include "weft/sync/atomic.h"
#include "weft/sync/mutex.h"
#include "weft/sync/waitgroup.h"

constexpr int kFibers = 1000;

template <typename Fn>
void Times(Fn fn) {
  weft::WaitGroup all;
  for (int i = 0; i < kFibers; ++i) all.Go(fn);
  all.Wait();
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    // ++n is this. On a plain int it would be a data race as well, which a sanitizer reports.
    weft::Atomic<int> in_two_steps;
    Times([&] {
      const int n = in_two_steps.Load();
      weft::Gosched();
      in_two_steps.Store(n + 1);
    });
    std::printf("in two steps: %s\n",
                in_two_steps.Load() < kFibers ? "some counts are lost" : "all counts are there");

    weft::Atomic<int> atomic;
    Times([&] { atomic.Add(1); });
    std::printf("atomic: %d\n", atomic.Load());

    weft::Mutex mu;
    int locked = 0;
    Times([&] {
      weft::MutexLock lock(mu);
      ++locked;
    });
    std::printf("locked: %d\n", locked);
  });
}

// Output:
// in two steps: some counts are lost
// atomic: 1000
// locked: 1000
