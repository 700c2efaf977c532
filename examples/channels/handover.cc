// Without a buffer a send is over when the value is in the receiver's hands; with one, when it is
// in the buffer.
#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto direct = weft::MakeChan<int>();
    auto done = weft::MakeChan<weft::Empty>();
    weft::Go([=] {
      std::printf("received %d\n", *direct.Recv());
      done.Send({});
    });
    std::printf("a send without a receiver: %s\n",
                weft::MakeChan<int>().TrySend(1) ? "done" : "has to wait");
    direct.Send(1);
    done.Recv();

    auto buffered = weft::MakeChan<int>(2);
    buffered.Send(1);
    buffered.Send(2);
    std::printf("sent two, nobody has received: %d of %d\n", static_cast<int>(buffered.len()),
                static_cast<int>(buffered.cap()));
    std::printf("a third: %s\n", buffered.TrySend(3) ? "done" : "has to wait");
    buffered.Close();
    for (int n : buffered) std::printf("received %d\n", n);
  });
}

// Output:
// a send without a receiver: has to wait
// received 1
// sent two, nobody has received: 2 of 2
// a third: has to wait
// received 1
// received 2
