// Cancelling by hand: whoever has the context of a request stops when its caller says so.
#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto [ctx, cancel] = weft::WithCancel(weft::Background());
    auto numbers = weft::MakeChan<int>();
    auto stopped = weft::MakeChan<weft::Empty>();
    weft::Go([numbers, stopped, ctx = ctx] {
      for (int n = 1; weft::Select(weft::OnSend(numbers, n), weft::OnDone(ctx)) == 0; ++n) {
      }
      std::printf("worker: %s\n", std::string(ctx.Err().message()).c_str());
      stopped.Close();
    });
    for (int n : numbers) {
      if (n == 5) break;
    }
    std::puts("five are enough");
    cancel();
    stopped.Recv();
  });
}

// Output:
// five are enough
// worker: context canceled
