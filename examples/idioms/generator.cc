// A generator: a sequence that is computed while it is received, and ends when its receiver has had
// enough.
#include <cstdio>

#include "weft/chan/idioms/generate.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto fibonacci = weft::Generate<int>([](const auto& yield) {
      for (int a = 0, b = 1; yield(a); b += a, a = b - a) {
      }
    });
    for (int f : fibonacci) {
      if (f > 50) break;
      std::printf("%d\n", f);
    }
  });
}

// Output:
// 0
// 1
// 1
// 2
// 3
// 5
// 8
// 13
// 21
// 34
