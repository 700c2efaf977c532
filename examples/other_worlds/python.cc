// Python: generators with yield and yield from, next() with a default, close(), itertools.
#include <cstdio>

#include "weft/patterns/generator.h"
#include "weft/sched/main.h"

// def fibonacci(): a, b = 0, 1; while True: yield a; a, b = b, a + b
weft::Generator<int> Fibonacci() {
  return weft::Generator<int>([](const auto& yield) {
    for (int a = 0, b = 1; yield(a); b += a, a = b - a) {
    }
  });
}

// def take(n, it): for _ in range(n): yield next(it)
weft::Generator<int> Take(int n, weft::Generator<int>& it) {
  return weft::Generator<int>([n, &it](const auto& yield) {
    for (int i = 0; i < n; ++i) {
      auto value = it.Next();
      if (!value || !yield(*value)) return;
    }
  });
}

// def numbers(): try: yield 1; yield from [2, 3]  finally: print("closed")
weft::Generator<int> Numbers() {
  return weft::Generator<int>([](const auto& yield) {
    struct Finally {
      ~Finally() { std::puts("closed"); }
    } finally;
    if (!yield(1)) return;
    for (int n : {2, 3}) {
      if (!yield(n)) return;
    }
  });
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto fibonacci = Fibonacci();
    for (int n : Take(10, fibonacci)) std::printf("%d ", n);
    std::printf("and then %d\n", *fibonacci.Next());

    auto numbers = Numbers();
    std::printf("%d\n", *numbers.Next());              // next(numbers)
    numbers.Stop();                                    // numbers.close()
    std::printf("%d\n", numbers.Next().value_or(-1));  // next(numbers, -1)
    for (int n : Numbers()) std::printf("%d\n", n);
  });
}

// Output:
// 0 1 1 2 3 5 8 13 21 34 and then 55
// 1
// closed
// -1
// 1
// 2
// 3
// closed
