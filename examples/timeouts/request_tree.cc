// A request that makes requests: A starts B, both with helpers. One cancel at the root stops all of
// them.
#include <atomic>
#include <cstdio>

#include "weft/context/context.h"
#include "weft/sched/main.h"
#include "weft/sync/waitgroup.h"

std::atomic<int> running{0};

// Works until its context ends, and has children do so.
void Request(weft::WaitGroup& all, const weft::Context& ctx, int depth) {
  ++running;
  for (int i = 0; depth > 0 && i < 2; ++i) {
    auto child = weft::WithCancel(ctx);
    all.Go([&all, ctx = child.first, depth] { Request(all, ctx, depth - 1); });
  }
  ctx.Done().Recv();
  --running;
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto [ctx, cancel] = weft::WithCancel(weft::Background());
    weft::WaitGroup all;
    all.Go([&all, ctx = ctx] { Request(all, ctx, 3); });
    while (running < 15) weft::Gosched();
    std::printf("requests running: %d\n", running.load());
    cancel();
    all.Wait();
    std::printf("requests running after one cancel: %d\n", running.load());
  });
}

// Output:
// requests running: 15
// requests running after one cancel: 0
