// crew.h: fibers and threads side by side, for tests.
#ifndef WEFT_SYNC_TESTING_CREW_H_
#define WEFT_SYNC_TESTING_CREW_H_

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/await_parked.h"
#include "weft/sync/waitgroup.h"

namespace weft::sync_testing {

// Runs functions at the same time, each in a fiber or a thread of its own, and waits for all when
// it dies.
class Crew {
 public:
  Crew() = default;
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() { Join(); }

  void Fiber(std::function<void()> fn) { fibers_.Go(std::move(fn)); }
  void Thread(std::function<void()> fn) { threads_.emplace_back(std::move(fn)); }

  // fn(0), fn(1), … fn(n - 1): every third in a thread.
  void Mixed(int n, const std::function<void(int)>& fn) {
    for (int i = 0; i < n; ++i) {
      if (i % 3 == 2) {
        Thread([fn, i] { fn(i); });
      } else {
        Fiber([fn, i] { fn(i); });
      }
    }
  }

  void Join() {
    fibers_.Wait();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  WaitGroup fibers_;
  std::vector<std::thread> threads_;
};

// The message that fn() panics with; empty if it does not.
inline std::string PanicOf(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const PanicError& error) {
    return error.what();
  }
  return "";
}

// Returns when all other fibers block. Gives threads some time to; tests must pass however short it
// is.
inline void LetOthersBlock() {
  Sleep(absl::Milliseconds(1));
  weft::testing::AwaitParked();
}

}  // namespace weft::sync_testing

#endif  // WEFT_SYNC_TESTING_CREW_H_
