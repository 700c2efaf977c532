// A panic that nobody catches ends the process, whatever the others do: message, stack, exit status
// 2.
#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/sched/main.h"
#include "weft/sched/panic.h"

void Work() { weft::Panic("nobody catches this"); }

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    std::puts("before");
    std::fflush(stdout);
    weft::Go({.name = "worker"}, [] { Work(); });
    weft::MakeChan<int>().Recv();  // for ever
    std::puts("never printed");
  });
}

// Exit status: 2
// Error: panic: nobody catches this
// Error: Work
// Output:
// before
