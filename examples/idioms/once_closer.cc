// A once-closer: a search in several places stops everywhere as soon as anybody has found
// something.
#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/chan/idioms/once_closer.h"
#include "weft/sched/main.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    constexpr int kSearchers = 4;
    weft::OnceCloser found(weft::MakeChan<weft::Empty>());
    auto results = weft::MakeChan<bool>(kSearchers);

    for (int s = 0; s < kSearchers; ++s) {
      weft::Go([=] {
        for (int n = 1000 + s; n % 91 != 0; n += kSearchers) {
          if (found.chan().TryRecv().closed()) break;  // somebody else was faster
          weft::Gosched();
        }
        results.Send(found.Close());  // all close, one of them does
      });
    }

    int closers = 0;
    for (int s = 0; s < kSearchers; ++s) closers += *results.Recv();
    std::printf("searchers: %d, of which closed: %d\n", kSearchers, closers);
    std::printf("closed: %s\n", found.chan().TryRecv().closed() ? "yes" : "no");
  });
}

// Output:
// searchers: 4, of which closed: 1
// closed: yes
