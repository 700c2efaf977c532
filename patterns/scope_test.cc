#include "weft/patterns/scope.h"

#include <atomic>
#include <functional>
#include <stdexcept>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::PanicOf;
using testing::RunInFiber;

using ScopeTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, ScopeTest, testing::kWorkerCounts);

absl::Status UntilCancelled(const Context& ctx) {
  ctx.Done().Recv();
  return ctx.Err();
}

TEST_P(ScopeTest, JoinWaitsForEveryFiber) {
  RunInFiber([] {
    std::atomic<int> ended{0};
    Scope scope(Background());
    for (int i = 0; i < 100; ++i) {
      scope.Go([&] {
        Gosched();
        ++ended;
      });
    }
    EXPECT_TRUE(scope.Join().ok());
    EXPECT_EQ(ended, 100);
  });
}

TEST_P(ScopeTest, TheFirstErrorCancelsTheOthersAndIsReturned) {
  RunInFiber([] {
    Scope scope(Background());
    absl::Status seen;
    scope.Go([&](const Context& ctx) {
      absl::Status s = UntilCancelled(ctx);
      seen = Cause(ctx);
      return s;
    });
    scope.Go([] { return absl::NotFoundError("first"); });
    EXPECT_EQ(scope.Join(), absl::NotFoundError("first"));
    EXPECT_EQ(seen, absl::NotFoundError("first"));
  });
}

TEST_P(ScopeTest, AnExceptionComesOutOfJoinAsItWasThrown) {
  RunInFiber([] {
    Scope scope(Background());
    scope.Go(UntilCancelled);
    scope.Go([] { throw std::out_of_range("thrown"); });
    try {
      (void)scope.Join();
      FAIL() << "nothing thrown";
    } catch (const std::out_of_range& e) {
      EXPECT_STREQ(e.what(), "thrown");
    }
  });
}

TEST_P(ScopeTest, APanicKeepsTheStackOfTheFiberThatPanicked) {
  RunInFiber([] {
    Scope scope(Background());
    scope.Go([] { Panic("in the fiber"); });
    try {
      (void)scope.Join();
      FAIL() << "nothing thrown";
    } catch (const PanicError& e) {
      EXPECT_STREQ(e.what(), "in the fiber");
      EXPECT_FALSE(e.Stack().empty());
    }
  });
}

TEST_P(ScopeTest, GoexitCountsAsAnEndWithoutError) {
  RunInFiber([] {
    Scope scope(Background());
    scope.Go([] { Goexit(); });
    EXPECT_TRUE(scope.Join().ok());
  });
}

TEST_P(ScopeTest, TheDestructorCancelsAndWaits) {
  RunInFiber([] {
    bool ended = false;
    {
      Scope scope(Background());
      scope.Go([&](const Context& ctx) {
        ctx.Done().Recv();
        ended = true;
      });
    }
    EXPECT_TRUE(ended);
  });
}

TEST_P(ScopeTest, TheParentsEndEndsTheScope) {
  RunInFiber([] {
    auto [parent, cancel] = WithCancel(Background());
    Scope scope(parent);
    scope.Go(UntilCancelled);
    cancel();
    EXPECT_EQ(scope.Join().code(), absl::StatusCode::kCancelled);
  });
}

TEST_P(ScopeTest, FibersMayStartFibers) {
  RunInFiber([] {
    std::atomic<int> leaves{0};
    Scope scope(Background());
    std::function<void(int)> grow = [&](int depth) {
      if (depth == 0) {
        ++leaves;
        return;
      }
      for (int i = 0; i < 2; ++i) scope.Go([&grow, depth] { grow(depth - 1); });
    };
    grow(6);
    EXPECT_TRUE(scope.Join().ok());
    EXPECT_EQ(leaves, 64);
  });
}

TEST_P(ScopeTest, GoAfterJoinPanics) {
  RunInFiber([] {
    Scope scope(Background());
    EXPECT_TRUE(scope.Join().ok());
    EXPECT_EQ(PanicOf([&] { scope.Go([] {}); }), "Scope: Go after Join");
  });
}

TEST_P(ScopeTest, AnErrorOfTheBodyEndsItsFibers) {
  RunInFiber([] {
    absl::Status s = WithScope(Background(), [](Scope& scope) {
      scope.Go(UntilCancelled);
      return absl::AbortedError("body");
    });
    EXPECT_EQ(s, absl::AbortedError("body"));
  });
}

TEST_P(ScopeTest, AnExceptionOfTheBodyEndsItsFibers) {
  RunInFiber([] {
    EXPECT_EQ(PanicOf([] {
                (void)WithScope(Background(), [](Scope& scope) {
                  scope.Go(UntilCancelled);
                  Panic("body");
                });
              }),
              "body");
  });
}

}  // namespace
}  // namespace weft
