#include "weft/patterns/unit_pool.h"

#include <atomic>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weft/patterns/unit_batch.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using UnitPoolTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, UnitPoolTest, weft::testing::kWorkerCounts);

using absl::StatusCode;

TEST_P(UnitPoolTest, AUnitHasAValueOrAnError) {
  UnitPool<int> pool(2);
  auto good = pool.Queue([](const Context&) { return absl::StatusOr<int>(7); });
  auto bad =
      pool.Queue([](const Context&) -> absl::StatusOr<int> { return absl::NotFoundError("gone"); });
  EXPECT_EQ(*good.Value(), 7);
  EXPECT_TRUE(good.Error().ok());
  EXPECT_EQ(bad.Error(), absl::NotFoundError("gone"));
  EXPECT_FALSE(good.IsCancelled());
}

TEST_P(UnitPoolTest, NeverMoreThanTheLimit) {
  std::atomic<int> now{0}, most{0};
  std::vector<WorkUnit<int>> units;
  UnitPool<int> pool(3);
  for (int i = 0; i < 100; ++i) {
    units.push_back(pool.Queue([&, i](const Context&) -> absl::StatusOr<int> {
      const int active = ++now;
      int seen = most;
      while (active > seen && !most.compare_exchange_weak(seen, active)) {
      }
      Gosched();
      --now;
      return i;
    }));
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(*units[i].Value(), i);
  EXPECT_LE(most, 3);
}

TEST_P(UnitPoolTest, APanicIsTheUnitsError) {
  UnitPool<int> pool;
  auto unit = pool.Queue([](const Context&) -> absl::StatusOr<int> { Panic("unit broke"); });
  EXPECT_EQ(unit.Error().code(), StatusCode::kInternal);
  EXPECT_EQ(unit.Error().message().substr(0, 17), "panic: unit broke");
  auto gone = pool.Queue([](const Context&) -> absl::StatusOr<int> { Goexit(); });
  EXPECT_EQ(gone.Error().code(), StatusCode::kAborted);
}

TEST_P(UnitPoolTest, AUnitThatWaitsIsCancelledAndNeverRuns) {
  UnitPool<int> pool(1);
  auto gate = MakeChan<Empty>();
  auto first = pool.Queue([=](const Context&) -> absl::StatusOr<int> {
    gate.Recv();
    return 1;
  });
  std::atomic<bool> ran{false};
  auto second = pool.Queue([&](const Context&) -> absl::StatusOr<int> {
    ran = true;
    return 2;
  });
  // Which of the two has the place is the scheduler's choice.
  if (second.Cancel()) {
    EXPECT_EQ(second.Error().code(), StatusCode::kCancelled);
    EXPECT_TRUE(second.IsCancelled());
    EXPECT_FALSE(second.Cancel());
  }
  gate.Close();
  EXPECT_EQ(*first.Value(), 1);
  EXPECT_TRUE(second.IsCancelled() || ran);
}

TEST_P(UnitPoolTest, AUnitThatRunsIsToldAndItsResultIsDropped) {
  UnitPool<int> pool;
  auto entered = MakeChan<Empty>();
  auto unit = pool.Queue([=](const Context& ctx) -> absl::StatusOr<int> {
    entered.Close();
    ctx.Done().Recv();
    return 7;
  });
  entered.Recv();
  EXPECT_TRUE(unit.Cancel());
  EXPECT_EQ(unit.Error().code(), StatusCode::kCancelled);
}

TEST_P(UnitPoolTest, AUnitThatHasEndedCannotBeCancelled) {
  UnitPool<int> pool;
  auto unit = pool.Queue([](const Context&) { return absl::StatusOr<int>(7); });
  unit.Wait();
  EXPECT_FALSE(unit.Cancel());
  EXPECT_FALSE(unit.IsCancelled());
  EXPECT_EQ(*unit.Value(), 7);
}

TEST_P(UnitPoolTest, CancelEndsAllAndResetOpensAgain) {
  UnitPool<int> pool(2);
  std::vector<WorkUnit<int>> units;
  for (int i = 0; i < 20; ++i) {
    units.push_back(pool.Queue([](const Context& ctx) -> absl::StatusOr<int> {
      ctx.Done().Recv();
      return 7;
    }));
  }
  pool.Cancel();
  for (auto& unit : units) {
    EXPECT_EQ(unit.Error().code(), StatusCode::kCancelled);
    EXPECT_TRUE(unit.IsCancelled());
  }
  EXPECT_EQ(pool.Queue([](const Context&) { return absl::StatusOr<int>(7); }).Error().code(),
            StatusCode::kCancelled);
  pool.Reset();
  EXPECT_EQ(*pool.Queue([](const Context&) { return absl::StatusOr<int>(7); }).Value(), 7);
  pool.Close();
  EXPECT_EQ(pool.Queue([](const Context&) { return absl::StatusOr<int>(7); }).Error().code(),
            StatusCode::kFailedPrecondition);
}

TEST_P(UnitPoolTest, UnitsOutliveTheirPool) {
  std::optional<WorkUnit<std::string>> unit;
  {
    UnitPool<std::string> pool;
    unit = pool.Queue([](const Context&) { return absl::StatusOr<std::string>("seven"); });
    unit->Wait();
  }
  EXPECT_EQ(*unit->Value(), "seven");
}

TEST_P(UnitPoolTest, ABatchGivesEachUnitWhenItHasEnded) {
  UnitPool<int> pool(4);
  UnitBatch<int> batch(pool);
  for (int i = 1; i <= 50; ++i) {
    batch.Queue([i](const Context&) { return absl::StatusOr<int>(i); });
  }
  batch.QueueComplete();
  int sum = 0, count = 0;
  for (const WorkUnit<int>& unit : batch.Results()) {
    sum += *unit.Value();
    ++count;
  }
  EXPECT_EQ(count, 50);
  EXPECT_EQ(sum, 1275);
}

TEST_P(UnitPoolTest, ABatchIsCancelledAsAWhole) {
  UnitPool<int> pool(2);
  UnitBatch<int> batch(pool);
  for (int i = 0; i < 10; ++i) {
    batch.Queue([](const Context& ctx) -> absl::StatusOr<int> {
      ctx.Done().Recv();
      return ctx.Err();
    });
  }
  batch.Cancel();
  int count = 0;
  for (const WorkUnit<int>& unit : batch.Results()) {
    EXPECT_FALSE(unit.Error().ok());
    ++count;
  }
  EXPECT_EQ(count, 10);
  batch.Queue([](const Context&) { return absl::StatusOr<int>(7); });  // dropped
}

TEST_P(UnitPoolTest, WaitAllWaits) {
  UnitPool<int> pool(3);
  std::atomic<int> ran{0};
  UnitBatch<int> batch(pool);
  for (int i = 0; i < 30; ++i) {
    batch.Queue([&](const Context&) -> absl::StatusOr<int> { return ++ran; });
  }
  batch.WaitAll();
  EXPECT_EQ(ran, 30);
}

TEST_P(UnitPoolTest, ABatchWhoseResultsNobodyWantsLeavesNothing) {
  UnitPool<int> pool(3);
  UnitBatch<int> batch(pool);
  for (int i = 0; i < 30; ++i) {
    batch.Queue([](const Context&) { return absl::StatusOr<int>(7); });
  }
}

TEST_P(UnitPoolTest, StressCancellationsAgainstEnds) {
  for (int round = 0; round < weft::testing::Repeat(50); ++round) {
    UnitPool<int> pool(2);
    std::vector<WorkUnit<int>> units;
    for (int i = 0; i < 20; ++i) {
      units.push_back(pool.Queue([i](const Context&) -> absl::StatusOr<int> {
        if (i % 3 == 0) Gosched();
        return i;
      }));
    }
    std::atomic<int> cancelled{0};
    WaitGroup wg;
    wg.Go([&] {
      for (auto& unit : units) cancelled += unit.Cancel();
    });
    if (round % 2 == 0) pool.Cancel();
    wg.Wait();
    int ended = 0;
    for (int i = 0; i < 20; ++i) {
      absl::StatusOr<int> value = units[i].Value();
      if (value.ok()) {
        EXPECT_EQ(*value, i);
        ++ended;
      } else {
        EXPECT_TRUE(units[i].IsCancelled());
      }
    }
    EXPECT_LE(ended + cancelled, 20);
  }
}

}  // namespace
}  // namespace weft
