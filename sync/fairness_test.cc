// Nobody starves: how often one who waits is overtaken, in the median of many waits, has a bound
// that does not depend on the speed of the machine. While the system has taken the processor from
// who was woken, anybody may overtake: a contest counts for a lock if it wins one of five. A lock
// without a queue, which lets in whoever comes at the right moment, loses all of them: the measure
// tells the difference.
#include <algorithm>
#include <atomic>
#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/mutex.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/testing/crew.h"

// The analysis does not know functions that lock.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace weft {
namespace {

using sync_testing::Crew;

using FairnessTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, FairnessTest, weft::testing::kWorkerCounts);

// What competitors do again and again, and what the one does that must not starve.
struct Contest {
  std::function<void()> acquire;
  std::function<void()> release;
  std::function<void()> victim_acquire;
  std::function<void()> victim_release;
};

constexpr int kCompetitors = 4;
constexpr int kWaits = 15;
// Each of the four may be ahead in the queue, and may overtake until the victim has been beaten
// twice.
constexpr int kFair = 4 * kCompetitors;
// The competitors stop when they have had so many turns: then the victim has starved long enough.
constexpr int kPatience = 100 * kWaits;

// Competitors keep what they have got while they sleep, and take it again as soon as they have
// released it. So the victim always finds it taken, and whoever wakes the victim is there before
// it.
int MedianOvertakes(const Contest& contest) {
  std::atomic<int> turns{0};
  std::atomic<bool> over{false};
  std::vector<int> overtakes;
  Crew crew;
  crew.Mixed(kCompetitors, [&](int) {
    while (!over && turns < kPatience) {
      contest.acquire();
      ++turns;
      Sleep(absl::Microseconds(50));
      contest.release();
    }
  });
  while (turns < kCompetitors) Sleep(absl::Microseconds(50));
  crew.Fiber([&] {
    for (int i = 0; i < kWaits && turns < kPatience; ++i) {
      const int before = turns;
      contest.victim_acquire();
      overtakes.push_back(turns - before);
      contest.victim_release();
      Sleep(absl::Microseconds(100));
    }
    over = true;
  });
  crew.Join();
  overtakes.resize(kWaits, kPatience);  // those that it did not come to
  std::nth_element(overtakes.begin(), overtakes.begin() + kWaits / 2, overtakes.end());
  return overtakes[kWaits / 2];
}

bool IsFair(const Contest& contest) {
  for (int i = 0; i < 5; ++i) {
    if (MedianOvertakes(contest) <= kFair) return true;
  }
  return false;
}

// Without a queue: who is refused tries again a little later.
class UnfairSemaphore {
 public:
  explicit UnfairSemaphore(int64_t n) : semaphore_(n) {}
  void Acquire(int64_t n) {
    while (!semaphore_.TryAcquire(n)) Sleep(absl::Microseconds(20));
  }
  void Release(int64_t n) { semaphore_.Release(n); }

 private:
  Semaphore semaphore_;
};

TEST_P(FairnessTest, MutexLetsEverybodyIn) {
  Mutex mu;
  const auto lock = [&] { mu.lock(); };
  const auto unlock = [&] { mu.unlock(); };
  EXPECT_TRUE(IsFair({lock, unlock, lock, unlock}));
}

TEST_P(FairnessTest, ATimedLockIsAsGood) {
  Mutex mu;
  const auto lock = [&] { mu.lock(); };
  const auto unlock = [&] { mu.unlock(); };
  const auto timed = [&] { EXPECT_TRUE(mu.TryLockFor(absl::Minutes(5))); };
  EXPECT_TRUE(IsFair({lock, unlock, timed, unlock}));
}

TEST_P(FairnessTest, AnUnfairMutexStarvesSomebody) {
  UnfairSemaphore mu(1);
  const auto lock = [&] { mu.Acquire(1); };
  const auto unlock = [&] { mu.Release(1); };
  EXPECT_FALSE(IsFair({lock, unlock, lock, unlock}));
}

TEST_P(FairnessTest, RWMutexLetsAWriterIn) {
  RWMutex mu;
  EXPECT_TRUE(IsFair({[&] { mu.lock_shared(); }, [&] { mu.unlock_shared(); }, [&] { mu.lock(); },
                      [&] { mu.unlock(); }}));
}

TEST_P(FairnessTest, RWMutexLetsAReaderIn) {
  RWMutex mu;
  EXPECT_TRUE(IsFair({[&] { mu.lock(); }, [&] { mu.unlock(); }, [&] { mu.lock_shared(); },
                      [&] { mu.unlock_shared(); }}));
}

TEST_P(FairnessTest, ALockThatPrefersReadersStarvesAWriter) {
  UnfairSemaphore mu(kCompetitors);
  EXPECT_FALSE(IsFair({[&] { mu.Acquire(1); }, [&] { mu.Release(1); },
                       [&] { mu.Acquire(kCompetitors); }, [&] { mu.Release(kCompetitors); }}));
}

TEST_P(FairnessTest, SemaphoreLetsTheGreedyIn) {
  Semaphore semaphore(kCompetitors);
  EXPECT_TRUE(
      IsFair({[&] { semaphore.Acquire(1); }, [&] { semaphore.Release(1); },
              [&] { semaphore.Acquire(kCompetitors); }, [&] { semaphore.Release(kCompetitors); }}));
}

}  // namespace
}  // namespace weft
