// Random programs of Semaphore, WaitGroup, Cond and Pool against references that say who waits
// after each step.
#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/seed.h"
#include "weft/sync/cond.h"
#include "weft/sync/mutex.h"
#include "weft/sync/pool.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/testing/actors.h"
#include "weft/sync/testing/cancel_source.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using sync_testing::Actors;
using sync_testing::CancelSource;

constexpr int kActors = 5;

class Program {
 public:
  virtual ~Program() = default;
  explicit Program(uint64_t seed) : random_(seed) {}

  void Run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      Step();
      EXPECT_EQ(actors_.Blocked(), Waiting()) << log_;
    }
    Unwind();
    actors_.Settle();
    EXPECT_EQ(actors_.Blocked(), std::set<int>()) << log_;
  }

 protected:
  virtual void Step() = 0;
  virtual std::set<int> Waiting() const = 0;
  // Lets everybody go.
  virtual void Unwind() = 0;

  int Below(int n) { return static_cast<int>(random_() % n); }
  // An actor that has nothing to do, or nothing.
  std::optional<int> Idle() {
    const int who = Below(kActors);
    if (actors_.busy(who)) return std::nullopt;
    return who;
  }
  void Log(const std::string& what, int n) { log_ += what + "(" + std::to_string(n) + ") "; }

  std::mt19937_64 random_;
  std::string log_;
  Actors actors_{kActors};
};

// Strictly first come, first served; who asks for too much waits aside.
class SemaphoreProgram : public Program {
 public:
  using Program::Program;

 private:
  static constexpr int kSize = 4;
  struct Request {
    int who;
    int weight;
  };

  void Step() override {
    switch (Below(5)) {
      case 0:
      case 1:
        if (std::optional<int> who = Idle()) Acquire(*who, 1 + Below(kSize + 1));
        break;
      case 2:
        Try(Below(kSize + 1));
        break;
      case 3:
        Cancel(Below(kActors));
        break;
      case 4:
        if (free_ < kSize) Release(1 + Below(kSize - free_));
        break;
    }
  }

  void Acquire(int who, int weight) {
    Log("Acquire" + std::to_string(who), weight);
    sources_[who] = std::make_unique<CancelSource>();
    waiting_.insert(who);
    if (weight <= kSize) queue_.push_back({who, weight});
    Serve();
    actors_.Do(
        who, [this, who, weight] { got_[who] = semaphore_.Acquire(*sources_[who], weight).ok(); });
    if (!actors_.busy(who)) {
      EXPECT_TRUE(got_[who]) << log_;
    }
  }

  void Try(int weight) {
    Log("Try", weight);
    const bool expected = queue_.empty() && weight <= free_;
    if (expected) free_ -= weight;
    EXPECT_EQ(semaphore_.TryAcquire(weight), expected) << log_;
  }

  void Cancel(int who) {
    if (waiting_.count(who) == 0) return;
    Log("Cancel", who);
    waiting_.erase(who);
    std::erase_if(queue_, [who](const Request& request) { return request.who == who; });
    Serve();
    sources_[who]->Cancel();
    actors_.Settle();
    EXPECT_FALSE(actors_.busy(who)) << log_;
    EXPECT_FALSE(got_[who]) << log_;
  }

  void Release(int weight) {
    Log("Release", weight);
    free_ += weight;
    Serve();
    semaphore_.Release(weight);
    actors_.Settle();
  }

  void Serve() {
    while (!queue_.empty() && queue_.front().weight <= free_) {
      free_ -= queue_.front().weight;
      waiting_.erase(queue_.front().who);
      queue_.pop_front();
    }
  }

  std::set<int> Waiting() const override { return waiting_; }
  void Unwind() override {
    for (int who = 0; who < kActors; ++who) Cancel(who);
  }

  Semaphore semaphore_{kSize};
  std::unique_ptr<CancelSource> sources_[kActors];
  bool got_[kActors] = {};
  int free_ = kSize;
  std::deque<Request> queue_;
  std::set<int> waiting_;
};

class WaitGroupProgram : public Program {
 public:
  using Program::Program;

 private:
  void Step() override {
    switch (Below(3)) {
      case 0:
        Add(1 + Below(3));
        break;
      case 1:
        if (count_ > 0) Add(-1 - Below(count_));
        break;
      case 2:
        if (std::optional<int> who = Idle()) {
          Log("Wait", *who);
          if (count_ > 0) waiting_.insert(*who);
          actors_.Do(*who, [this] { group_.Wait(); });
        }
        break;
    }
  }

  void Add(int n) {
    Log("Add", n);
    count_ += n;
    if (count_ == 0) waiting_.clear();
    group_.Add(n);
    actors_.Settle();
  }

  std::set<int> Waiting() const override { return waiting_; }
  void Unwind() override {
    if (count_ > 0) Add(-count_);
  }

  WaitGroup group_;
  int count_ = 0;
  std::set<int> waiting_;
};

// First come, first woken; nobody is woken without a reason.
class CondProgram : public Program {
 public:
  using Program::Program;

 private:
  void Step() override {
    switch (Below(5)) {
      case 0:
      case 1:
        if (std::optional<int> who = Idle()) Wait(*who, absl::Hours(Below(2)));
        break;
      case 2:
        if (std::optional<int> who = Idle()) TimeOut(*who);
        break;
      case 3:
        log_ += "Signal ";
        if (!queue_.empty()) queue_.pop_front();
        cond_.Signal();
        actors_.Settle();
        break;
      case 4:
        if (Below(3) == 0) Broadcast();
        break;
    }
  }

  // A timeout of zero stands for none.
  void Wait(int who, absl::Duration timeout) {
    Log("Wait", who);
    queue_.push_back(who);
    actors_.Do(who, [this, timeout] {
      MutexLock lock(mutex_);
      if (timeout == absl::ZeroDuration()) return cond_.Wait();
      EXPECT_TRUE(cond_.WaitFor(timeout)) << log_;
    });
  }

  void TimeOut(int who) {
    Log("TimeOut", who);
    actors_.Do(who, [this] {
      MutexLock lock(mutex_);
      EXPECT_FALSE(cond_.WaitFor(absl::Microseconds(200))) << log_;
    });
    actors_.Await(who);
  }

  void Broadcast() {
    log_ += "Broadcast ";
    queue_.clear();
    cond_.Broadcast();
    actors_.Settle();
  }

  std::set<int> Waiting() const override { return {queue_.begin(), queue_.end()}; }
  void Unwind() override { Broadcast(); }

  Mutex mutex_;
  Cond cond_{mutex_};
  std::deque<int> queue_;
};

// On one processor a pool loses nothing, and finds whatever is there.
class PoolProgram : public Program {
 public:
  using Program::Program;

 private:
  void Step() override {
    const std::optional<int> who = Idle();
    if (!who) return;
    switch (Below(8)) {
      case 0:
        log_ += "Clear ";
        there_.clear();
        actors_.Do(*who, [this] { pool_.Clear(); });
        EXPECT_EQ(alive_, static_cast<int>(taken_.size())) << log_;
        break;
      case 1:
      case 2:
      case 3:
        Put(*who);
        break;
      default:
        Get(*who, Below(2) == 0);
    }
  }

  void Put(int who) {
    log_ += "Put ";
    if (taken_.empty()) taken_.push_back(Make());
    there_.insert(*taken_.back());
    actors_.Do(who, [this] { pool_.Put(std::move(taken_.back())); });
    taken_.pop_back();
  }

  void Get(int who, bool only_if_there) {
    log_ += only_if_there ? "TryGet " : "Get ";
    std::optional<std::shared_ptr<int>> got;
    actors_.Do(who, [&] { got = only_if_there ? pool_.TryGet() : std::optional(pool_.Get()); });
    if (there_.empty()) {
      EXPECT_EQ(got.has_value(), !only_if_there) << log_;
    } else {
      ASSERT_TRUE(got.has_value()) << log_;
      EXPECT_EQ(there_.erase(**got), 1u) << log_;
    }
    if (got) taken_.push_back(*std::move(got));
  }

  // Counts those that are alive.
  std::shared_ptr<int> Make() {
    ++alive_;
    return std::shared_ptr<int>(new int(made_++), [this](int* item) {
      delete item;
      --alive_;
    });
  }

  std::set<int> Waiting() const override { return {}; }
  void Unwind() override {}

  int made_ = 0;
  int alive_ = 0;
  std::set<int> there_;
  std::vector<std::shared_ptr<int>> taken_;
  Pool<std::shared_ptr<int>> pool_{[this] { return Make(); }};
};

class WaitPropertyTest : public testing::FiberTest {
 protected:
  template <typename P>
  void RunPrograms() {
    GOMAXPROCS(1);
    const uint64_t seed = testing::Seed();
    testing::RunInFiber([seed] {
      const int programs = testing::Repeat(40);
      for (int i = 0; i < programs && !HasFailure(); ++i) P(seed + i).Run(60);
    });
  }
};

TEST_F(WaitPropertyTest, SemaphoreDoesAsItsReference) { RunPrograms<SemaphoreProgram>(); }
TEST_F(WaitPropertyTest, WaitGroupDoesAsItsReference) { RunPrograms<WaitGroupProgram>(); }
TEST_F(WaitPropertyTest, CondDoesAsItsReference) { RunPrograms<CondProgram>(); }
TEST_F(WaitPropertyTest, PoolDoesAsItsReference) { RunPrograms<PoolProgram>(); }

}  // namespace
}  // namespace weft
