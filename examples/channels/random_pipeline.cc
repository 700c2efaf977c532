// A pipeline: random numbers, of which one stage keeps the even ones, and the next adds them up.
#include <cstdio>
#include <random>

#include "weft/chan/chan.h"
#include "weft/sched/main.h"

weft::RecvChan<int> Random(int count, unsigned seed) {
  auto out = weft::MakeChan<int>(16);
  weft::Go([=] {
    std::minstd_rand random(seed);
    for (int i = 0; i < count; ++i) out.Send(static_cast<int>(random() % 100));
    out.Close();
  });
  return out;
}

weft::RecvChan<int> Even(weft::RecvChan<int> in) {
  auto out = weft::MakeChan<int>(16);
  weft::Go([=] {
    for (int n : in) {
      if (n % 2 == 0) out.Send(n);
    }
    out.Close();
  });
  return out;
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    int count = 0, sum = 0;
    for (int n : Even(Random(1000, 1))) {
      ++count;
      sum += n;
    }
    // The same without fibers.
    int expected_count = 0, expected_sum = 0;
    std::minstd_rand random(1);
    for (int i = 0; i < 1000; ++i) {
      if (const int n = static_cast<int>(random() % 100); n % 2 == 0) {
        ++expected_count;
        expected_sum += n;
      }
    }
    std::printf("as many: %s, the same sum: %s\n", count == expected_count ? "yes" : "no",
                sum == expected_sum ? "yes" : "no");
  });
}

// Output:
// as many: yes, the same sum: yes
