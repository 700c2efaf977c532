// A map that many fibers read and write at the same time.
#include <cstdio>
#include <string>

#include "weft/sched/main.h"
#include "weft/sync/map.h"
#include "weft/sync/waitgroup.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    weft::Map<int, std::string> names;
    weft::WaitGroup all;
    for (int w = 0; w < 8; ++w) {
      all.Go([&, w] {
        for (int n = 0; n < 100; ++n) {
          names.LoadOrStore(n, "first by " + std::to_string(w));
          if (n % 8 == w) names.Store(n, "last by its owner");
        }
      });
    }
    all.Wait();

    int count = 0, owned = 0;
    names.Range([&](int, const std::string& name) {
      ++count;
      owned += name == "last by its owner";
      return true;
    });
    std::printf("%d entries, %d by their owner\n", count, owned);
    names.Delete(7);
    std::printf("7 after it was deleted: %s\n", names.Load(7).has_value() ? "there" : "gone");
  });
}

// Output:
// 100 entries, 100 by their owner
// 7 after it was deleted: gone
