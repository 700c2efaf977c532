// A buffered channel as a semaphore: a hundred fibers, of which no more than three are inside at
// the same time.
#include <atomic>
#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/chan/idioms/chan_semaphore.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    weft::ChanSemaphore limit(3);
    auto done = weft::MakeChan<weft::Empty>();
    std::atomic<int> inside{0}, too_many{0};

    for (int i = 0; i < 100; ++i) {
      weft::Go([&, limit, done] {
        {
          weft::ChanSemaphore::Hold hold(limit);
          if (++inside > 3) ++too_many;
          weft::Gosched();
          --inside;
        }
        done.Send({});
      });
    }
    for (int i = 0; i < 100; ++i) done.Recv();
    std::printf("more than three: %d times\n", too_many.load());
    std::printf("permits taken in the end: %d of %d\n", static_cast<int>(limit.taken()),
                static_cast<int>(limit.permits()));
  });
}

// Output:
// more than three: 0 times
// permits taken in the end: 0 of 3
