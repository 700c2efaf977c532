#include "weft/patterns/graceful.h"

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/chan/internal/test_util.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using testing::RunInFiber;

using GracefulTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, GracefulTest, testing::kWorkerCounts);

TEST_P(GracefulTest, WhatWasAddedLastIsShutDownFirst) {
  GracefulShutdown shutdown;
  std::vector<std::string> order;
  for (const char* name : {"database", "cache", "server"}) {
    shutdown.Add(name, [&order, name](const Context&) {
      order.push_back(name);
      return absl::OkStatus();
    });
  }
  EXPECT_TRUE(shutdown.Run(Background()).ok());
  EXPECT_EQ(order, (std::vector<std::string>{"server", "cache", "database"}));
}

TEST_P(GracefulTest, ErrorsAndPanicsKeepNobodyFromRunningAndAllAreTold) {
  GracefulShutdown shutdown;
  bool ran = false;
  shutdown.Add("a", [&](const Context&) {
    ran = true;
    return absl::OkStatus();
  });
  shutdown.Add("b", [](const Context&) -> absl::Status { Panic("broken"); });
  shutdown.Add("c", [](const Context&) { return absl::DataLossError("lost"); });
  const absl::Status s = shutdown.Run(Background());
  EXPECT_TRUE(ran);
  EXPECT_EQ(s.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(s.message().find("c: lost; b: panic: broken\n"), 0u) << s;
}

TEST_P(GracefulTest, AStepHasItsLimit) {
  GracefulShutdown shutdown;
  shutdown.Add("slow", absl::Milliseconds(1), [](const Context& ctx) {
    ctx.Done().Recv();
    return ctx.Err();
  });
  EXPECT_EQ(shutdown.Run(Background()).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_P(GracefulTest, TheStepsAfterTheEndOfTheContextStillRun) {
  GracefulShutdown shutdown;
  int ran = 0;
  for (int i = 0; i < 3; ++i) {
    shutdown.Add("", [&](const Context& ctx) {
      ++ran;
      return ctx.Err();
    });
  }
  auto [ctx, cancel] = WithCancel(Background());
  cancel();
  EXPECT_EQ(shutdown.Run(ctx).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(ran, 3);
}

TEST_P(GracefulTest, WhoeverRunsItOnceIsEnoughAndAllGetTheResult) {
  RunInFiber([] {
    GracefulShutdown shutdown;
    int ran = 0;
    shutdown.Add("step", [&](const Context&) {
      for (int i = 0; i < 10; ++i) Gosched();
      ++ran;
      return absl::AbortedError("no");
    });
    Group group;
    for (int i = 0; i < 5; ++i) {
      group.Go([&] { EXPECT_EQ(shutdown.Run(Background()), absl::AbortedError("step: no")); });
    }
    group.Wait();
    EXPECT_EQ(ran, 1);
    EXPECT_FALSE(shutdown.Add("late", [](const Context&) { return absl::OkStatus(); }));
    EXPECT_TRUE(shutdown.Begun().TryRecv().closed());
  });
}

}  // namespace
}  // namespace weft
