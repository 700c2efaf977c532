// Upstream: one waits until four others have sent. Downstream: five wait until one closes.
#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/sched/main.h"
#include "weft/sync/waitgroup.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto up = weft::MakeChan<int>();
    for (int i = 1; i <= 4; ++i) {
      weft::Go([=] { up.Send(i); });
    }
    int sum = 0;
    for (int i = 1; i <= 4; ++i) sum += *up.Recv();
    std::printf("upstream: all four have arrived, sum %d\n", sum);

    auto down = weft::MakeChan<weft::Empty>();
    auto ready = weft::MakeChan<weft::Empty>();
    weft::WaitGroup released;
    int order = 0;  // written before the close, read after it
    for (int i = 0; i < 5; ++i) {
      released.Go([&, down] {
        ready.Send({});
        down.Recv();
        if (order != 1) std::puts("released too early");
      });
    }
    for (int i = 0; i < 5; ++i) ready.Recv();
    order = 1;
    down.Close();
    released.Wait();
    std::puts("downstream: all five were released at once");
  });
}

// Output:
// upstream: all four have arrived, sum 10
// downstream: all five were released at once
