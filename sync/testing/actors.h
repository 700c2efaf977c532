// actors.h: fibers that do what a test tells them, one operation at a time, so that it can compare
// who is blocked with what a reference says.
//
//   Actors actors(4);                       // in a fiber, with one processor
//   actors.Do(0, [&] { mu.lock(); });
//   actors.Do(1, [&] { mu.lock(); });
//   EXPECT_EQ(actors.Blocked(), std::set<int>{1});
#ifndef WEFT_SYNC_TESTING_ACTORS_H_
#define WEFT_SYNC_TESTING_ACTORS_H_

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "weft/sched/go.h"
#include "weft/sync/event.h"
#include "weft/sync/waitgroup.h"

namespace weft::sync_testing {

class Actors {
 public:
  explicit Actors(int n) {
    for (int i = 0; i < n; ++i) actors_.push_back(std::make_unique<Actor>());
    for (auto& actor : actors_) {
      ended_.Go([&a = *actor] {
        for (;;) {
          a.told.Wait();
          if (a.operation == nullptr) return;
          a.operation();
          a.busy = false;
        }
      });
    }
  }
  // All operations must have ended.
  ~Actors() {
    for (auto& actor : actors_) {
      actor->operation = nullptr;
      actor->told.Set();
    }
    ended_.Wait();
  }

  int size() const { return static_cast<int>(actors_.size()); }
  bool busy(int i) const { return actors_[i]->busy; }

  // Has an idle actor begin an operation, and returns when everybody has got as far as possible.
  void Do(int i, std::function<void()> operation) {
    actors_[i]->operation = std::move(operation);
    actors_[i]->busy = true;
    actors_[i]->told.Set();
    Settle();
  }

  // On one processor nobody overtakes us more than a few times.
  void Settle() {
    for (int i = 0; i < 4 * size() + 8; ++i) Gosched();
    // What those have done who have ended is ours to see.
    for (const auto& actor : actors_) actor->busy.load();
  }

  // Waits for the end of an operation that a clock ends.
  void Await(int i) {
    while (busy(i)) Sleep(absl::Microseconds(50));
    Settle();
  }

  std::set<int> Blocked() const {
    std::set<int> blocked;
    for (int i = 0; i < size(); ++i) {
      if (busy(i)) blocked.insert(i);
    }
    return blocked;
  }

 private:
  struct Actor {
    Event told{EventReset::kAuto};
    std::function<void()> operation;
    std::atomic<bool> busy{false};
  };

  std::vector<std::unique_ptr<Actor>> actors_;
  WaitGroup ended_;
};

}  // namespace weft::sync_testing

#endif  // WEFT_SYNC_TESTING_ACTORS_H_
