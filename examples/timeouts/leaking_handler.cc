// A handler that gives up on its worker after a timeout leaks it: the worker waits for ever to send
// its result to nobody. A channel with room for one would cure it. What is left at the end is
// reported, each with the line that it waits in and the one that started it.
#include <cstdio>
#include <string>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/sched/main.h"
#include "weft/sched/panic.h"

void SlowQuery(const weft::Chan<std::string>& result, const weft::Chan<weft::Empty>& let_go) {
  let_go.Recv();
  result.Send("too late");  // nobody receives any more
}

bool Handle(const weft::Chan<weft::Empty>& let_go) {
  auto result = weft::MakeChan<std::string>();
  weft::Go({.name = "query"}, [=] { SlowQuery(result, let_go); });
  return weft::Select(weft::OnRecv(result), weft::OnRecv(weft::After(absl::Milliseconds(1)))) == 0;
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto let_go = weft::MakeChan<weft::Empty>();
    int answered = 0;
    for (int i = 0; i < 10; ++i) answered += Handle(let_go);
    let_go.Close();
    for (int i = 0; i < 1000; ++i) weft::Gosched();  // those that can end, end
    std::printf("%d answered, %d fibers left\n", answered, weft::NumFiber() - 1);
    std::fflush(stdout);
    if (weft::NumFiber() > 1)
      weft::Fatal("leaked " + std::to_string(weft::NumFiber() - 1) + " fibers");
  });
}

// Exit status: 2
// Error: fatal error: leaked 10 fibers
// Error: SlowQuery
// Error: examples/timeouts/leaking_handler.cc:16
// Error: created by Handle() in fiber 1
// Error: examples/timeouts/leaking_handler.cc:21
// Output:
// 0 answered, 10 fibers left
