// Fibers that wake each other share a time slice: they have no fewer of it than one that computes,
// and no more.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>  // NOLINT: starts a fiber from outside
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/park.h"
#include "weft/sched/runtime.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using testing::RunInFiber;

// Two fibers of which one is parked while the other runs, until `stop`.
class Pair {
 public:
  explicit Pair(const std::atomic<bool>& stop) : stop_(stop) {
    Go([this] { Play(0); });
    Go([this] { Play(1); });
  }

  int64_t turns() const { return turns_.load(std::memory_order_relaxed); }

 private:
  void Play(int me) {
    players_[me] = CurrentParkable();
    // The first to come here waits for the second.
    if (++ready_ == 1) Park(WaitReason::kSyncEventWait);
    while (!stop_.load(std::memory_order_relaxed)) {
      turns_.fetch_add(1, std::memory_order_relaxed);
      Ready(players_[1 - me]);
      Park(WaitReason::kSyncEventWait);
    }
    if (--ready_ == 1) Ready(players_[1 - me]);
  }

  const std::atomic<bool>& stop_;
  Parkable* players_[2] = {};
  std::atomic<int> ready_{0};
  std::atomic<int64_t> turns_{0};
};

class TimeSliceTest : public testing::FiberTest {
 protected:
  void SetUp() override {
    FiberTest::SetUp();
    former_ = GOMAXPROCS(1);
  }
  void TearDown() override {
    GOMAXPROCS(former_);
    FiberTest::TearDown();
  }

 private:
  int former_ = 0;
};

// Go: BenchmarkPingPongHog. The hog can be asked to leave, so that it and the pair take turns, and
// whenever it is on, it sees how often the pair was meanwhile. Not that this is much, which a busy
// machine may prevent, but that the pair is not cut off after a fixed number, such as 64.
TEST_F(TimeSliceTest, APairHasMoreThanAFewTurnsBesideAHog) {
  constexpr int64_t kMany = 256;
  constexpr size_t kSlices = 31;
  std::atomic<bool> stop = false;
  std::vector<int64_t> turns_of_slices;
  RunInFiber([&] {
    Pair pair(stop);
    int64_t seen = 0;
    while (turns_of_slices.size() < kSlices) {
      sched_internal::SafePoint();
      const int64_t turns = pair.turns();
      if (turns != seen) turns_of_slices.push_back(turns - std::exchange(seen, turns));
    }
    stop = true;
    while (NumFiber() > 1) Gosched();
  });
  const auto median = turns_of_slices.begin() + kSlices / 2;
  std::nth_element(turns_of_slices.begin(), median, turns_of_slices.end());
  EXPECT_GE(*median, kMany);
}

TEST_F(TimeSliceTest, APairDoesNotStarveTheRing) {
  std::atomic<bool> stop = false;
  RunInFiber([&] {
    Pair pair(stop);
    for (int i = 0; i < 5; ++i) Gosched();
    stop = true;
    while (NumFiber() > 1) Gosched();
  });
}

TEST_F(TimeSliceTest, APairDoesNotStarveWhatThreadsStart) {
  std::atomic<bool> stop = false;
  std::thread thread;
  RunInFiber([&] {
    thread = std::thread([&] { Go([&] { stop = true; }); });
    Pair pair(stop);
    while (NumFiber() > 1) Gosched();
  });
  thread.join();
}

// Two pairs: neither keeps the other out.
TEST_F(TimeSliceTest, PairsHaveTurns) {
  std::atomic<bool> stop = false;
  RunInFiber([&] {
    Pair one(stop);
    Pair other(stop);
    while (one.turns() < 1000 || other.turns() < 1000) Gosched();
    stop = true;
    while (NumFiber() > 1) Gosched();
  });
}

// With a processor to spare, whoever is made ready does not wait for its waker.
TEST_F(TimeSliceTest, WhoIsMadeReadyRunsWhileItsWakerComputes) {
  GOMAXPROCS(2);
  constexpr int kRounds = 20;
  RunInFiber([&] {
    for (int i = 0; i < kRounds; ++i) {
      std::atomic<bool> ran = false;
      Go([&] { ran = true; });
      while (!ran) {
      }
    }
  });
}

}  // namespace
}  // namespace weft
