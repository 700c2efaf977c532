// A singleton: made by whoever asks first, once, however many ask at the same time.
#include <atomic>
#include <cstdio>
#include <memory>

#include "weft/sched/main.h"
#include "weft/sync/once.h"
#include "weft/sync/waitgroup.h"

class Config {
 public:
  static const Config& Instance() {
    static weft::Once once;
    static std::unique_ptr<Config> instance;
    once.Do([] {
      weft::Gosched();  // the others wait, they do not make a second one
      instance.reset(new Config);
    });
    return *instance;
  }
  static int made() { return made_; }

 private:
  Config() { ++made_; }
  static std::atomic<int> made_;
};

std::atomic<int> Config::made_{0};

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    std::atomic<int> same{0};
    weft::WaitGroup all;
    for (int i = 0; i < 100; ++i) {
      all.Go([&] { same += &Config::Instance() == &Config::Instance(); });
    }
    all.Wait();
    std::printf("asked %d times, made %d\n", same.load(), Config::made());
  });
}

// Output:
// asked 100 times, made 1
