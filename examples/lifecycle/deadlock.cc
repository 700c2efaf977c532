// Two fibers that wait for each other, and main for both: nobody can ever go on. The process ends
// and tells who waits where.
#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/sched/main.h"
#include "weft/sync/waitgroup.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto ping = weft::MakeChan<int>(), pong = weft::MakeChan<int>();
    weft::WaitGroup both;
    both.Go([=] {
      ping.Recv();  // before it sends
      pong.Send(1);
    });
    both.Go([=] {
      pong.Recv();  // before it sends
      ping.Send(1);
    });
    std::puts("waiting");
    std::fflush(stdout);
    both.Wait();
  });
}

// Exit status: 2
// Error: fatal error: all fibers are asleep - deadlock!
// Error: [chan receive]
// Error: [sync.WaitGroup.Wait, name main]
// Output:
// waiting
