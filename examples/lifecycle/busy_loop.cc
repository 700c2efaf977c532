// One processor, and a fiber that is busy all the time: others run nevertheless, since it is made
// to give way at its next operation on a channel, a lock or the like.
#include <cstdio>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    weft::GOMAXPROCS(1);
    auto stop = weft::MakeChan<weft::Empty>();
    auto stopped = weft::MakeChan<weft::Empty>();
    weft::Go([=] {
      while (!stop.TryRecv().closed()) {
      }
      stopped.Close();
    });
    for (int i = 1; i <= 3; ++i) {
      weft::Sleep(absl::Milliseconds(1));
      std::printf("main ran, %d\n", i);
    }
    stop.Close();
    stopped.Recv();
  });
}

// Output:
// main ran, 1
// main ran, 2
// main ran, 3
