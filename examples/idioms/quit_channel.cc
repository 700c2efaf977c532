// A quit channel: closing it tells any number of fibers to stop, and a second channel tells that
// they have.
#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto numbers = weft::MakeChan<int>();
    auto quit = weft::MakeChan<weft::Empty>();
    auto stopped = weft::MakeChan<int>();

    for (int worker = 0; worker < 3; ++worker) {
      weft::Go([=] {
        for (int n = worker;; n += 3) {
          if (weft::Select(weft::OnSend(numbers, n), weft::OnRecv(quit)) == 1) break;
        }
        stopped.Send(worker);
      });
    }

    bool seen[3] = {};
    for (int i = 0; i < 30; ++i) seen[*numbers.Recv() % 3] = true;
    std::printf("30 numbers from %s\n", seen[0] || seen[1] || seen[2] ? "the workers" : "nobody");

    quit.Close();
    for (int i = 0; i < 3; ++i) stopped.Recv();
    std::puts("all stopped");
  });
}

// Output:
// 30 numbers from the workers
// all stopped
