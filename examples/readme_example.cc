#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto squares = weft::MakeChan<int>(8);  // make(chan int, 8)
    weft::Go([squares] {
      for (int i = 0; i < 10; ++i) squares.Send(i * i);
      squares.Close();
    });
    for (int s : squares) std::printf("%d\n", s);  // until closed and drained
  });
}
