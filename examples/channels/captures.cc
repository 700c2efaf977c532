// What a fiber captures by value it has for itself; what it captures by reference is everybody's,
// and has to outlive it.
#include <cstdio>
#include <string>

#include "weft/chan/chan.h"
#include "weft/sched/main.h"
#include "weft/sync/waitgroup.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    // By value: each fiber has the value of its own turn of the loop.
    auto seen = weft::MakeChan<int>(5);
    for (int i = 0; i < 5; ++i) {
      weft::Go([i, seen] { seen.Send(i); });
    }
    int sum = 0;
    for (int i = 0; i < 5; ++i) sum += *seen.Recv();
    std::printf("by value: sum %d\n", sum);

    // By reference: a variable outside of the loop, which all of them see as it is when they run.
    int last = 0;
    for (int i = 0; i < 5; ++i) last = i;
    weft::WaitGroup all;
    for (int i = 0; i < 5; ++i) {
      all.Go([&last, seen] { seen.Send(last); });
    }
    all.Wait();  // before `last` goes out of scope
    sum = 0;
    for (int i = 0; i < 5; ++i) sum += *seen.Recv();
    std::printf("by reference: sum %d\n", sum);

    // A fiber that changes what it captured by value changes its own copy.
    std::string text = "original";
    weft::WaitGroup one;
    one.Go([text]() mutable { text = "changed"; });
    one.Go([&changed = text] { changed += ", and changed by reference"; });
    one.Wait();
    std::printf("%s\n", text.c_str());
  });
}

// Output:
// by value: sum 10
// by reference: sum 20
// original, and changed by reference
