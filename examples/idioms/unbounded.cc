// An unbounded channel: the sender is done before the receiver has begun.
#include <cstdio>

#include "weft/chan/idioms/unbounded.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    weft::UnboundedChan<int> numbers;
    for (int i = 1; i <= 1000; ++i) numbers.Send(i);
    numbers.Close();
    std::puts("sent 1000");

    int received = 0, sum = 0;
    for (int n : numbers.out()) {
      ++received;
      sum += n;
    }
    std::printf("received %d, sum %d\n", received, sum);
  });
}

// Output:
// sent 1000
// received 1000, sum 500500
