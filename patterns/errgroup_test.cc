#include "weft/patterns/errgroup.h"

#include <atomic>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using ErrGroupTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, ErrGroupTest, weft::testing::kWorkerCounts);

absl::Status Ok() { return absl::OkStatus(); }

TEST_P(ErrGroupTest, ZeroGroupReturnsTheFirstErrorAndCancelsNothing) {
  ErrGroup group;
  EXPECT_TRUE(group.Wait().ok());
  auto first_failed = MakeChan<Empty>();
  group.Go([] { return Ok(); });
  group.Go([&] {
    first_failed.Close();
    return absl::NotFoundError("one");
  });
  EXPECT_EQ(group.Wait(), absl::NotFoundError("one"));
  EXPECT_TRUE(group.context().Err().ok());
}

TEST_P(ErrGroupTest, LaterErrorsDoNotReplaceTheFirst) {
  ErrGroup group(Background());
  group.Go([] { return absl::NotFoundError("one"); });
  group.Go([&] {
    group.context().Done().Recv();
    return absl::InternalError("two");
  });
  EXPECT_EQ(group.Wait(), absl::NotFoundError("one"));
}

TEST_P(ErrGroupTest, TheFirstErrorIsTheCauseOfTheContextsEnd) {
  ErrGroup group(Background());
  group.Go([] { return absl::NotFoundError("gone"); });
  group.context().Done().Recv();
  EXPECT_EQ(group.context().Err().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Cause(group.context()), absl::NotFoundError("gone"));
  EXPECT_FALSE(group.Wait().ok());
}

TEST_P(ErrGroupTest, WaitEndsTheContextWithoutAnErrorToo) {
  ErrGroup group(Background());
  group.Go([&] { return group.context().Err(); });
  EXPECT_TRUE(group.Wait().ok());
  EXPECT_EQ(group.context().Err().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Cause(group.context()).code(), absl::StatusCode::kCancelled);
}

TEST_P(ErrGroupTest, TheEndOfTheParentReachesTheFunctions) {
  auto [ctx, cancel] = WithCancel(Background());
  ErrGroup group(ctx);
  group.Go([&] {
    group.context().Done().Recv();
    return group.context().Err();
  });
  cancel();
  EXPECT_EQ(group.Wait().code(), absl::StatusCode::kCancelled);
}

TEST_P(ErrGroupTest, NeverMoreThanTheLimit) {
  ErrGroup group;
  group.SetLimit(3);
  std::atomic<int> active{0}, most{0};
  for (int i = 0; i < 200; ++i) {
    group.Go([&] {
      const int now = ++active;
      int seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      Gosched();
      --active;
      return Ok();
    });
  }
  EXPECT_TRUE(group.Wait().ok());
  EXPECT_LE(most, 3);
}

TEST_P(ErrGroupTest, GoBlocksAtTheLimitAndTryGoFails) {
  ErrGroup group;
  group.SetLimit(1);
  auto gate = MakeChan<Empty>();
  ASSERT_TRUE(group.TryGo([&] {
    gate.Recv();
    return Ok();
  }));
  EXPECT_FALSE(group.TryGo([] { return Ok(); }));
  auto started = MakeChan<Empty>();
  Go([&] {
    group.Go([] { return Ok(); });
    started.Close();
  });
  EXPECT_TRUE(started.TryRecv().empty());
  gate.Close();
  started.Recv();
  EXPECT_TRUE(group.Wait().ok());
}

TEST_P(ErrGroupTest, LimitZeroForbidsAllAndNegativeNone) {
  ErrGroup group;
  group.SetLimit(0);
  EXPECT_FALSE(group.TryGo([] { return Ok(); }));
  group.SetLimit(-1);
  EXPECT_TRUE(group.TryGo([] { return Ok(); }));
  EXPECT_TRUE(group.Wait().ok());
}

TEST_P(ErrGroupTest, SetLimitWhileActivePanics) {
  ErrGroup group;
  group.SetLimit(2);
  auto gate = MakeChan<Empty>();
  group.Go([&] {
    gate.Recv();
    return Ok();
  });
  EXPECT_THROW(group.SetLimit(3), PanicError);
  gate.Close();
  EXPECT_TRUE(group.Wait().ok());
  group.SetLimit(3);
}

TEST_P(ErrGroupTest, GoexitCountsAsNoError) {
  ErrGroup group;
  group.SetLimit(1);
  group.Go([]() -> absl::Status { Goexit(); });
  group.Go([] { return Ok(); });
  EXPECT_TRUE(group.Wait().ok());
}

TEST_P(ErrGroupTest, TheDestructorWaits) {
  bool ran = false;
  {
    ErrGroup group;
    group.Go([&] {
      Gosched();
      ran = true;
      return Ok();
    });
  }
  EXPECT_TRUE(ran);
}

TEST_P(ErrGroupTest, FunctionsMayBeMoveOnly) {
  ErrGroup group;
  group.Go([p = std::make_unique<int>(7)] { return *p == 7 ? Ok() : absl::InternalError("lost"); });
  EXPECT_TRUE(group.Wait().ok());
}

using ErrGroupDeathTest = weft::testing::FiberTest;

// Not passed on to Wait(): golang/go issues 53757 and 74275.
TEST_F(ErrGroupDeathTest, APanicEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ErrGroup group;
        group.Go([]() -> absl::Status { Panic("task broke"); });
        (void)group.Wait();
      },
      ::testing::ExitedWithCode(2), "panic: task broke");
}

TEST_P(ErrGroupTest, StressManyGroupsWithErrors) {
  for (int round = 0; round < weft::testing::Repeat(300); ++round) {
    ErrGroup group(Background());
    if (round % 2 == 0) group.SetLimit(1 + round % 5);
    std::atomic<int> ran{0};
    for (int i = 0; i < 20; ++i) {
      group.Go([&, i] {
        ++ran;
        return i % 7 == 3 ? absl::AbortedError(std::to_string(i)) : Ok();
      });
    }
    EXPECT_EQ(group.Wait().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(ran, 20);
  }
}

}  // namespace
}  // namespace weft
