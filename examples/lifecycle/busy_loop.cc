// One processor, and a fiber that never gives way: a loop without a single call into weft. Others
// run nevertheless: the processor is taken from under it after a while, and it goes on beside them
// on a thread of its own until it comes back.
#include <atomic>
#include <cstdio>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    weft::GOMAXPROCS(1);
    std::atomic<bool> stop{false};
    auto stopped = weft::MakeChan<weft::Empty>();
    weft::Go([&stop, stopped] {
      while (!stop) {
      }
      stopped.Close();
    });
    for (int i = 1; i <= 3; ++i) {
      weft::Sleep(absl::Milliseconds(1));
      std::printf("main ran, %d\n", i);
    }
    stop = true;
    stopped.Recv();
  });
}

// Output:
// main ran, 1
// main ran, 2
// main ran, 3
