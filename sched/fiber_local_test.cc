// Values and labels that belong to a fiber, and to a plain thread.
#include "weft/sched/fiber_local.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/labels.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

class FiberLocalTest : public testing::WorkerTest {};

TEST_P(FiberLocalTest, EachFiberHasItsOwnThroughoutItsLife) {
  static FiberLocal<int> local;
  testing::RunInFiber([] {
    std::atomic<int> wrong{0};
    for (int i = 1; i <= 100; ++i) {
      Go([i, &wrong] {
        wrong += *local != 0;
        *local = i;
        int* const address = &*local;
        for (int turn = 0; turn < 20; ++turn) {
          Gosched();
          wrong += *local != i || &*local != address;
        }
      });
    }
    while (NumFiber() > 1) Gosched();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(local.Find(), nullptr);
  });
}

TEST_P(FiberLocalTest, ValuesAreDestroyedAtTheEndYoungestFirst) {
  struct Named {
    ~Named() {
      *log += name;
      destroyed->fetch_add(1);
    }
    std::string name;
    std::string* log = nullptr;
    std::atomic<int>* destroyed = nullptr;
  };
  static FiberLocal<Named> first;
  static FiberLocal<Named> second;
  testing::RunInFiber([] {
    std::string log;
    std::atomic<int> destroyed{0};
    Go([&] {
      first->name = "first ";
      first->log = &log;
      first->destroyed = &destroyed;
      second->name = "second ";
      second->log = &log;
      second->destroyed = &destroyed;
      struct AtReturn {
        ~AtReturn() { log += "frame "; }
        std::string& log;
      } at_return{log};
      Goexit();
    });
    while (destroyed != 2) Gosched();
    EXPECT_EQ(log, "frame second first ");
  });
}

TEST_P(FiberLocalTest, DestructorsMayUseOthersAndPark) {
  static FiberLocal<int> late;
  static std::atomic<int> seen{0};
  seen = 0;
  struct Uses {
    ~Uses() {
      if (!alive) return;
      *late += 1;
      Sleep(absl::Microseconds(100));
      seen = *late;
    }
    bool alive = false;
  };
  static FiberLocal<Uses> uses;
  testing::RunInFiber([] {
    Go([] { uses->alive = true; });
    while (NumFiber() > 1) Gosched();
    EXPECT_EQ(seen, 1);
  });
}

INSTANTIATE_TEST_SUITE_P(Workers, FiberLocalTest, testing::kWorkerCounts);

TEST(FiberLocalThreadTest, PlainThreadHasItsOwnUntilItEnds) {
  auto counted = std::make_shared<int>(0);
  FiberLocal<std::shared_ptr<int>> local;
  *local = nullptr;
  std::thread([&] {
    EXPECT_EQ(local.Find(), nullptr);
    *local = counted;
    EXPECT_EQ(counted.use_count(), 2);
  }).join();
  EXPECT_EQ(counted.use_count(), 1);
  EXPECT_EQ(*local, nullptr);
  local.Reset();
}

TEST(FiberLocalThreadTest, EmplaceReplacesAndResetDestroys) {
  auto counted = std::make_shared<int>(0);
  FiberLocal<std::shared_ptr<int>> local;
  local.Emplace(counted);
  local.Emplace(counted);
  EXPECT_EQ(counted.use_count(), 2);
  local.Reset();
  EXPECT_EQ(counted.use_count(), 1);
  EXPECT_EQ(local.Find(), nullptr);
  local.Reset();
}

class LabelsTest : public testing::WorkerTest {};

TEST_P(LabelsTest, FibersInheritWhatHoldsWhenTheyStart) {
  testing::RunInFiber([] {
    std::optional<Labels> inherited;
    std::atomic<bool> looked{false};
    {
      ScopedLabels outer({{"tenant", "a"}, {"job", "x"}});
      ScopedLabels inner({{"job", "y"}});
      Go([&] {
        Gosched();
        inherited = CurrentLabels();
        ScopedLabels own({{"own", "z"}});
        looked = true;
      });
      EXPECT_EQ(CurrentLabel("job"), "y");
    }
    EXPECT_EQ(CurrentLabels(), Labels());
    while (!looked) Gosched();
    EXPECT_EQ(inherited, (Labels{{"job", "y"}, {"tenant", "a"}}));
    EXPECT_EQ(CurrentLabel("own"), std::nullopt);
  });
}

TEST_P(LabelsTest, PlainThreadHandsItsOwnOn) {
  ScopedLabels labels({{"thread", "main"}});
  testing::RunInFiber([] { EXPECT_EQ(CurrentLabel("thread"), "main"); });
  std::thread([] { EXPECT_EQ(CurrentLabel("thread"), std::nullopt); }).join();
}

TEST_P(LabelsTest, LastOfEqualKeysHolds) {
  ScopedLabels labels({{"k", "1"}, {"a", "2"}, {"k", "3"}});
  EXPECT_EQ(CurrentLabels(), (Labels{{"a", "2"}, {"k", "3"}}));
}

INSTANTIATE_TEST_SUITE_P(Workers, LabelsTest, testing::kWorkerCounts);

}  // namespace
}  // namespace weft
