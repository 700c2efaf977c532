// What the pools promise, in many orders: each body runs under 200 seeds, in virtual time.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/patterns/func_pool.h"
#include "weft/patterns/limit.h"
#include "weft/patterns/multi_pool.h"
#include "weft/patterns/process_pool.h"
#include "weft/patterns/task_pool.h"
#include "weft/patterns/unit_batch.h"
#include "weft/patterns/unit_pool.h"
#include "weft/patterns/worker_pool.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/sim_gtest.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

// Counts who is inside, and how many were at once. Others have a turn while somebody is.
struct Room {
  void Visit() {
    most = std::max(most, ++inside);
    Gosched();
    --inside;
    ++visits;
  }
  int inside = 0;
  int most = 0;
  int visits = 0;
};

SIM_TEST(WorkerPoolSim, EveryTaskRunsOnceAndNeverMoreThanTheCapacity) {
  Room room;
  {
    WorkerPool pool(2);
    WaitGroup submitters;
    for (int i = 0; i < 3; ++i) {
      submitters.Go([&] {
        for (int j = 0; j < 2; ++j) EXPECT_TRUE(pool.Submit([&] { room.Visit(); }).ok());
      });
    }
    submitters.Wait();
  }
  EXPECT_EQ(room.visits, 6);
  EXPECT_LE(room.most, 2);
}

// A submission that waits ends in one way only: its task runs, or Submit() says that it will not.
SIM_TEST(WorkerPoolSim, ReleaseAndCancelBesideSubmissionsThatWait) {
  int ran = 0, accepted = 0;
  {
    WorkerPool pool(1);
    auto [ctx, cancel] = WithCancel(Background());
    WaitGroup submitters;
    for (int i = 0; i < 3; ++i) {
      submitters.Go([&, ctx = ctx] {
        const absl::Status s = pool.Submit(ctx, [&] {
          Gosched();
          ++ran;
        });
        EXPECT_TRUE(s.ok() || absl::IsCancelled(s) || absl::IsFailedPrecondition(s)) << s;
        accepted += s.ok();
      });
    }
    submitters.Go([&, cancel = cancel] { cancel(); });
    submitters.Go([&] { pool.Release(); });
    submitters.Wait();
  }
  EXPECT_EQ(ran, accepted);
}

// Workers expire, the capacity changes, and tasks keep coming.
SIM_TEST(WorkerPoolSim, TuneAndExpiryLoseNoTask) {
  Room room;
  {
    WorkerPool pool(3, {.expiry = absl::Milliseconds(1)});
    WaitGroup others;
    others.Go([&] {
      for (int capacity : {1, 2, 3}) pool.Tune(capacity);
    });
    for (int i = 0; i < 2; ++i) {
      others.Go([&] {
        for (int j = 0; j < 2; ++j) {
          EXPECT_TRUE(pool.Submit([&] { room.Visit(); }).ok());
          Sleep(absl::Milliseconds(1));
        }
      });
    }
    others.Wait();
    Sleep(absl::Milliseconds(3));
    EXPECT_EQ(pool.Running(), 0) << "idle workers have not expired";
  }
  EXPECT_EQ(room.visits, 4);
  EXPECT_LE(room.most, 3);
}

SIM_TEST(WorkerPoolSim, APoolThatIsRebootedTakesTasksAgain) {
  int ran = 0, accepted = 0;
  {
    WorkerPool pool(1);
    WaitGroup others;
    others.Go([&] {
      EXPECT_TRUE(pool.ReleaseTimeout(absl::Seconds(1)).ok());
      pool.Reboot();
    });
    others.Go([&] { accepted += pool.Submit([&] { ++ran; }).ok(); });
    others.Wait();
    EXPECT_TRUE(pool.Submit([&] { ++ran; }).ok());
  }
  EXPECT_EQ(ran, accepted + 1);
}

SIM_TEST(FuncPoolSim, EveryArgumentArrivesOnce) {
  std::vector<int> times(4);
  {
    FuncPool<int> pool(2, [&](int n) { ++times[n]; });
    WaitGroup callers;
    for (int i = 0; i < 4; ++i) {
      callers.Go([&pool, i] { EXPECT_TRUE(pool.Invoke(i).ok()); });
    }
    callers.Wait();
  }
  EXPECT_EQ(times, std::vector<int>(4, 1));
}

SIM_TEST(MultiPoolSim, RefusedByOneIsTakenByAnother) {
  Room room;
  int accepted = 0;
  {
    MultiPool<WorkerPool> pool(2, Balance::kRoundRobin, 1, PoolOptions{.nonblocking = true});
    WaitGroup submitters;
    for (int i = 0; i < 4; ++i) {
      submitters.Go([&] {
        const absl::Status s = pool.Submit([&] { room.Visit(); });
        EXPECT_TRUE(s.ok() || absl::IsResourceExhausted(s)) << s;
        accepted += s.ok();
      });
    }
    submitters.Wait();
  }
  EXPECT_GE(accepted, 2);
  EXPECT_EQ(room.visits, accepted);
  EXPECT_LE(room.most, 2);
}

// An answer goes to who asked, beside a pool that changes its size and one who gives up.
SIM_TEST(ProcessPoolSim, AnswersBesideSetSizeAndTimeouts) {
  auto pool = ProcessPool<int, int>::OfFunction(2, [](int n) {
    if (n == 0) Sleep(absl::Seconds(2));
    return 10 * n;
  });
  WaitGroup callers;
  for (int i = 1; i < 4; ++i) {
    callers.Go([&, i] {
      const absl::StatusOr<int> answer = pool->Process(i);
      EXPECT_TRUE(answer.ok() && *answer == 10 * i) << answer.status();
    });
  }
  callers.Go([&] {
    EXPECT_TRUE(absl::IsDeadlineExceeded(pool->ProcessTimed(0, absl::Seconds(1)).status()));
  });
  callers.Go([&] {
    pool->SetSize(1);
    pool->SetSize(3);
  });
  callers.Wait();
  EXPECT_EQ(pool->QueueLength(), 0);
  pool->Close();
}

// Whoever closes the pool ends those who ask; each gets an answer or is told so.
SIM_TEST(ProcessPoolSim, CloseBesideRequests) {
  auto pool = ProcessPool<int, int>::OfFunction(1, [](int n) {
    Gosched();
    return n;
  });
  WaitGroup callers;
  for (int i = 0; i < 2; ++i) {
    callers.Go([&, i] {
      const absl::StatusOr<int> answer = pool->Process(i);
      EXPECT_TRUE(answer.ok() ? *answer == i : absl::IsFailedPrecondition(answer.status()))
          << answer.status();
    });
  }
  callers.Go([&] { pool->Close(); });
  callers.Wait();
}

SIM_TEST(UnitPoolSim, AUnitEndsOnceByItsValueOrByCancelling) {
  UnitPool<int> pool(1);
  int ran = 0;
  std::vector<WorkUnit<int>> units;
  for (int i = 0; i < 2; ++i) {
    units.push_back(pool.Queue([&](const Context&) -> absl::StatusOr<int> {
      ++ran;
      Gosched();
      return 7;
    }));
  }
  WaitGroup others;
  bool cancelled = false;
  others.Go([&] { cancelled = units[1].Cancel(); });
  others.Go([&] {
    const absl::StatusOr<int> value = units[1].Value();
    EXPECT_TRUE(value.ok() ? *value == 7 : absl::IsCancelled(value.status())) << value.status();
  });
  others.Wait();
  EXPECT_EQ(units[1].IsCancelled(), cancelled);
  EXPECT_EQ(units[1].Value().ok(), !cancelled);
  EXPECT_EQ(*units[0].Value(), 7);
  EXPECT_LE(ran, 2);
}

SIM_TEST(UnitPoolSim, CloseEndsEveryUnit) {
  UnitPool<int> pool(1);
  WaitGroup others;
  others.Go([&] { pool.Close(); });
  for (int i = 0; i < 2; ++i) {
    others.Go([&] {
      auto unit = pool.Queue([](const Context&) -> absl::StatusOr<int> { return 1; });
      const absl::StatusOr<int> value = unit.Value();
      EXPECT_TRUE(value.ok() || absl::IsFailedPrecondition(value.status())) << value.status();
    });
  }
  others.Wait();
}

SIM_TEST(UnitBatchSim, EveryUnitComesOutOnce) {
  UnitPool<int> pool(2);
  UnitBatch<int> batch(pool);
  WaitGroup queuers;
  for (int i = 0; i < 3; ++i) {
    queuers.Go([&, i] { batch.Queue([i](const Context&) -> absl::StatusOr<int> { return i; }); });
  }
  WaitGroup closer;
  closer.Go([&] {
    queuers.Wait();
    batch.QueueComplete();
  });
  int sum = 0, units = 0;
  for (const WorkUnit<int>& unit : batch.Results()) {
    sum += *unit.Value();
    ++units;
  }
  EXPECT_EQ(units, 3);
  EXPECT_EQ(sum, 3);
  closer.Wait();
}

SIM_TEST(LimitSim, NeverMoreThanNAtOnce) {
  Room room;
  Limit limit(2);
  int started = 0;
  for (int i = 0; i < 3; ++i) limit.Go([&] { room.Visit(); });
  started += limit.TryGo([&] { room.Visit(); });
  EXPECT_TRUE(limit.Do(Background(), [&] { room.Visit(); }).ok());
  limit.Wait();
  EXPECT_EQ(room.visits, 4 + started);
  EXPECT_LE(room.most, 2);
}

SIM_TEST(TaskPoolSim, ResultsInOrderOfSubmissionAndTheFirstErrorCancels) {
  TaskPool<absl::StatusOr<int>> pool({.max_fibers = 2, .cancel_on_error = true});
  for (int i = 0; i < 4; ++i) {
    pool.Go([i](const Context& ctx) -> absl::StatusOr<int> {
      Gosched();
      if (i == 2) return absl::DataLossError("two");
      if (!ctx.Err().ok()) return ctx.Err();
      return i;
    });
  }
  const auto [results, status] = pool.Wait();
  EXPECT_TRUE(std::is_sorted(results.begin(), results.end()));
  EXPECT_NE(status.ToString().find("two"), std::string::npos) << status;
}

}  // namespace
}  // namespace weft
