// Two producers, one of the multiples of 3 and one of those of 5, and a consumer of both.
#include <cstdio>
#include <map>

#include "weft/chan/chan.h"
#include "weft/patterns/safe_close.h"
#include "weft/sched/main.h"

void Produce(int factor, int limit, const weft::Sender<int>& out) {
  for (int n = factor; n < limit; n += factor) out.Send(n);
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto [sender, numbers] = weft::MakeSender<int>(64);
    weft::Go([sender = sender] { Produce(3, 50, sender); });
    weft::Go([sender = std::move(sender)] { Produce(5, 50, sender); });

    std::map<int, int> times;  // closed when both producers are done
    for (int n : numbers) ++times[n];
    const char* separator = "";
    for (const auto& [n, count] : times) {
      std::printf("%s%d%s", separator, n, count == 2 ? "!" : "");
      separator = " ";
    }
    std::puts("");
  });
}

// Output:
// 3 5 6 9 10 12 15! 18 20 21 24 25 27 30! 33 35 36 39 40 42 45! 48
