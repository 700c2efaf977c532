// Fan-out and fan-in: workers share one channel of jobs, and their results come together in one.
#include <cstdio>
#include <vector>

#include "weft/chan/chan.h"
#include "weft/chan/idioms/merge.h"
#include "weft/sched/main.h"

weft::RecvChan<int> Square(weft::RecvChan<int> jobs) {
  auto results = weft::MakeChan<int>();
  weft::Go([=] {
    for (int n : jobs) results.Send(n * n);
    results.Close();
  });
  return results;
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto jobs = weft::MakeChan<int>();
    weft::Go([jobs] {
      for (int n = 1; n <= 100; ++n) jobs.Send(n);
      jobs.Close();
    });

    std::vector<weft::RecvChan<int>> workers;
    for (int i = 0; i < 4; ++i) workers.push_back(Square(jobs));

    int results = 0, sum = 0;
    for (int square : weft::Merge(workers)) {
      ++results;
      sum += square;
    }
    std::printf("%d results, sum %d\n", results, sum);
  });
}

// Output:
// 100 results, sum 338350
