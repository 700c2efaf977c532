// Java's Thread and Runnable, join, synchronized, wait and notifyAll, ReentrantLock.
#include <cstdio>
#include <deque>
#include <mutex>

#include "weft/sched/main.h"
#include "weft/sync/monitor.h"
#include "weft/sync/reentrant_mutex.h"
#include "weft/sync/waitgroup.h"

// synchronized void put(int n) { … notifyAll(); }   synchronized int take() { while (…) wait(); … }
class Inbox {
 public:
  void Put(int n) {
    weft::Synchronized(monitor_, [&] {
      values_.push_back(n);
      monitor_.NotifyAll();
    });
  }
  int Take() {
    return weft::Synchronized(monitor_, [&] {
      while (values_.empty()) monitor_.Wait();
      const int n = values_.front();
      values_.pop_front();
      return n;
    });
  }

 private:
  weft::Monitor monitor_;
  std::deque<int> values_;
};

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    // Thread t = new Thread(() -> …); t.start(); t.join();
    Inbox inbox;
    weft::WaitGroup threads;
    for (int i = 1; i <= 3; ++i) threads.Go([&, i] { inbox.Put(i); });
    int sum = 0;
    for (int i = 0; i < 3; ++i) sum += inbox.Take();
    threads.Wait();
    std::printf("taken: %d\n", sum);

    // lock.lock(); try { lock.lock(); … } finally { lock.unlock(); }
    weft::ReentrantMutex lock;
    std::lock_guard<weft::ReentrantMutex> outer(lock);
    {
      std::lock_guard<weft::ReentrantMutex> inner(lock);
      std::printf("held %d times\n", lock.HoldCount());
    }
    std::printf("held %d times\n", lock.HoldCount());
  });
}

// Output:
// taken: 6
// held 2 times
// held 1 times
