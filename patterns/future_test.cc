#include "weft/patterns/future.h"

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/scope.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using chan_internal::PanicOf;
using testing::Repeat;
using testing::RunInFiber;

using FutureTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, FutureTest, testing::kWorkerCounts);

const absl::Status kFailure = absl::InternalError("failure");

TEST_P(FutureTest, EverybodyGetsTheResult) {
  RunInFiber([] {
    Promise<int> promise;
    Group group;
    for (int i = 0; i < 5; ++i) group.Go([f = promise.future()] { EXPECT_EQ(*f.Get(), 7); });
    Gosched();
    EXPECT_TRUE(promise.Set(7));
    group.Wait();
  });
}

TEST_P(FutureTest, TheFirstResultStays) {
  Promise<int> promise;
  EXPECT_FALSE(promise.future().done());
  EXPECT_TRUE(promise.Set(kFailure));
  EXPECT_FALSE(promise.Set(1));
  EXPECT_TRUE(promise.future().done());
  EXPECT_EQ(promise.future().Get().status(), kFailure);
}

TEST_P(FutureTest, AForgottenPromiseIsAnError) {
  std::optional<Future<int>> f;
  { f = Promise<int>().future(); }
  EXPECT_EQ(f->Get().status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Async([]() -> int { Goexit(); }).Get().status().code(), absl::StatusCode::kAborted);
}

TEST_P(FutureTest, TheContextEndsTheWaitNotTheTask) {
  Promise<int> promise;
  auto [ctx, cancel] = WithCancel(Background());
  cancel();
  EXPECT_EQ(promise.future().Get(ctx).status().code(), absl::StatusCode::kCancelled);
  promise.Set(1);
  EXPECT_EQ(*promise.future().Get(ctx), 1) << "a result that is there counts more";
}

TEST_P(FutureTest, SelectWaitsForAFuture) {
  Promise<int> promise;
  promise.Set(1);
  auto never = MakeChan<int>();
  EXPECT_EQ(Select(OnRecv(never), OnDone(promise.future())), 1);
}

TEST_P(FutureTest, AsyncTakesEveryKindOfResult) {
  EXPECT_EQ(*Async([] { return 1; }).Get(), 1);
  EXPECT_EQ(*Async([] { return absl::StatusOr<int>(2); }).Get(), 2);
  EXPECT_EQ(Async([] { return kFailure; }).Get().status(), kFailure);
  EXPECT_EQ(*Async([] { return Async([] { return 3; }); }).Get(), 3);
  EXPECT_TRUE(Async([] {}).Get().ok());
  EXPECT_EQ(**Async([] { return std::make_unique<int>(4); }).Get(), 4);
}

TEST_P(FutureTest, WhatATaskThrowsIsThrownToAll) {
  RunInFiber([] {
    Future<int> f = Async([]() -> int { throw std::out_of_range("thrown"); });
    for (int i = 0; i < 2; ++i) EXPECT_THROW((void)f.Get(), std::out_of_range);
    EXPECT_THROW((void)f.Get(Background()), std::out_of_range);
    Future<int> panicked = Async([]() -> int { Panic("with stack"); });
    try {
      (void)panicked.Get();
      FAIL();
    } catch (const PanicError& e) {
      EXPECT_FALSE(e.Stack().empty());
    }
  });
}

TEST_P(FutureTest, ThenMakesAChain) {
  RunInFiber([] {
    Future<std::string> f = Async([] { return 20; })
                                .Then([](int n) { return absl::StatusOr<int>(n + 1); })
                                .Then([](int n) { return Async([n] { return 2 * n; }); })
                                .Then([](int n) { return std::to_string(n); });
    EXPECT_EQ(*f.Get(), "42");
    EXPECT_TRUE(f.Then([](const std::string&) {}).Get().ok());
  });
}

TEST_P(FutureTest, ErrorsAndExceptionsPassThenBy) {
  RunInFiber([] {
    bool ran = false;
    const auto mark = [&](int n) {
      ran = true;
      return n;
    };
    EXPECT_EQ(ReadyFuture<int>(kFailure).Then(mark).Then(mark).Get().status(), kFailure);
    EXPECT_EQ(PanicOf([&] {
                (void)Async([]() -> int { Panic("p"); })
                    .Then(mark)
                    .OrElse([](const auto&) { return 1; })
                    .Get();
              }),
              "p");
    EXPECT_FALSE(ran);
  });
}

TEST_P(FutureTest, OrElseReplacesAnErrorOnly) {
  RunInFiber([] {
    const auto minus_one = [](const absl::Status&) { return -1; };
    EXPECT_EQ(*ReadyFuture<int>(kFailure).OrElse(minus_one).Get(), -1);
    EXPECT_EQ(*ReadyFuture<int>(5).OrElse(minus_one).Get(), 5);
    EXPECT_EQ(*ReadyFuture<int>(kFailure)
                   .OrElse([](const absl::Status&) { return ReadyFuture<int>(6); })
                   .Get(),
              6);
  });
}

TEST_P(FutureTest, HandleSeesBoth) {
  RunInFiber([] {
    const auto ok = [](const absl::StatusOr<int>& r) { return r.ok(); };
    EXPECT_TRUE(*ReadyFuture<int>(1).Handle(ok).Get());
    EXPECT_FALSE(*ReadyFuture<int>(kFailure).Handle(ok).Get());
  });
}

TEST_P(FutureTest, WaitingContinuationsAreNoFibers) {
  RunInFiber([] {
    Promise<int> promise;
    const int before = NumFiber();
    std::vector<Future<int>> many;
    for (int i = 0; i < 100; ++i)
      many.push_back(promise.future().Then([i](int n) { return n + i; }));
    EXPECT_EQ(NumFiber(), before);
    promise.Set(1000);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(*many[i].Get(), 1000 + i);
  });
}

TEST_P(FutureTest, ADroppedChainIsForgotten) {
  auto witness = std::make_shared<int>(1);
  {
    Promise<int> promise;
    (void)promise.future().Then([witness](int n) { return n; });
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST_P(FutureTest, InAScopeAFailureEndsTheScope) {
  RunInFiber([] {
    Scope scope(Background());
    Future<int> bad = Async(scope, [](const Context&) -> absl::StatusOr<int> { return kFailure; });
    Future<int> other = Async(scope, [](const Context& ctx) -> absl::StatusOr<int> {
      ctx.Done().Recv();
      return ctx.Err();
    });
    EXPECT_EQ(scope.Join(), kFailure);
    EXPECT_EQ(bad.Get().status(), kFailure);
    EXPECT_EQ(other.Get().status().code(), absl::StatusCode::kCancelled);
  });
}

// Completions, continuations and waits race; every continuation runs exactly once.
TEST_P(FutureTest, EveryContinuationRunsOnce) {
  for (int round = Repeat(100); round > 0; --round) {
    Promise<int> promise;
    std::atomic<int> ran{0}, set{0};
    Group group;
    for (int i = 0; i < 3; ++i) {
      group.Go([&, f = promise.future()] {
        for (int k = 0; k < 10; ++k) {
          Future<int> next = f.Then([&](int n) {
            ++ran;
            return n;
          });
          if (k % 5 != 4) continue;
          EXPECT_EQ(*next.Get(), *f.Get());
        }
      });
      group.Go([&, i] { set += promise.Set(i); });
    }
    group.Wait();
    while (ran < 30) Gosched();
    EXPECT_EQ(ran, 30);
    EXPECT_EQ(set, 1);
  }
}

}  // namespace
}  // namespace weft
