// A mutex made of a channel with room for one: whoever has sent holds it. Unlike a Mutex it can
// stand in a select.
#include <cstdio>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/sched/main.h"
#include "weft/sync/waitgroup.h"

class ChanMutex {
 public:
  void lock() { held_.Send({}); }
  bool try_lock() { return held_.TrySend(weft::Empty()); }
  void unlock() { held_.Recv(); }
  // False: the context ended first.
  bool Lock(const weft::Context& ctx) {
    return weft::Select(weft::OnSend(held_, weft::Empty()), weft::OnDone(ctx)) == 0;
  }

 private:
  weft::Chan<weft::Empty> held_ = weft::MakeChan<weft::Empty>(1);
};

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    ChanMutex mu;
    int count = 0;
    weft::WaitGroup all;
    for (int i = 0; i < 100; ++i) {
      all.Go([&] {
        for (int k = 0; k < 10; ++k) {
          mu.lock();
          ++count;
          mu.unlock();
        }
      });
    }
    all.Wait();
    std::printf("%d\n", count);

    mu.lock();
    auto [ctx, cancel] = weft::WithTimeout(weft::Background(), absl::Milliseconds(1));
    std::printf("held: try %d, with a timeout %d\n", mu.try_lock(), mu.Lock(ctx));
    mu.unlock();
    std::printf("free: try %d\n", mu.try_lock());
  });
}

// Output:
// 1000
// held: try 0, with a timeout 0
// free: try 1
