#include "weft/patterns/routine.h"

#include <atomic>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft::routine {
namespace {

using chan_internal::Group;
using chan_internal::PanicOf;
using weft::testing::RunInFiber;

using RoutineTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, RoutineTest, weft::testing::kWorkerCounts);

absl::Status UntilCancelled(const Context& ctx) {
  ctx.Done().Recv();
  return ctx.Err();
}

TEST_P(RoutineTest, PrepareThenMainAndChildrenThenCleanup) {
  RunInFiber([] {
    std::string steps;  // a child adds nothing while others do: the channel orders them
    auto child_ran = MakeChan<Empty>();
    Routine r(
        [&](const Context&) {
          child_ran.Recv();
          steps += " main";
          return absl::OkStatus();
        },
        {.prepare =
             [&](const Context&) {
               steps += "prepare";
               return absl::OkStatus();
             },
         .cleanup =
             [&](const Context&) {
               steps += " cleanup";
               return absl::OkStatus();
             },
         .children = {[&](const Context& ctx) {
           steps += " child";
           child_ran.Send({});
           ctx.Done().Recv();
           return ctx.Err();
         }}});
    EXPECT_TRUE(r.Execute(Background()).ok());
    EXPECT_EQ(steps, "prepare child main cleanup");
    EXPECT_TRUE(r.Serving().TryRecv().closed());
  });
}

TEST_P(RoutineTest, AnErrorOfPrepareIsTheEndAndCleanupDoesNotRun) {
  Routine r([](const Context&) -> absl::Status { Panic("main ran"); },
            {.prepare = [](const Context&) { return absl::NotFoundError("config"); },
             .cleanup = [](const Context&) -> absl::Status { Panic("cleanup ran"); }});
  EXPECT_EQ(r.Execute(Background()), absl::NotFoundError("config"));
}

TEST_P(RoutineTest, WithoutExecutorOrContextThereIsAnError) {
  EXPECT_EQ(Routine(nullptr).Execute(Background()).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Routine(UntilCancelled).Execute(Context()).code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(RoutineTest, ExecutesOnce) {
  RunInFiber([] {
    Routine r([](const Context&) { return absl::OkStatus(); });
    EXPECT_TRUE(r.Execute(Background()).ok());
    EXPECT_EQ(r.Execute(Background()).code(), absl::StatusCode::kFailedPrecondition);
  });
}

TEST_P(RoutineTest, CloseEndsItAndMayBeCalledOften) {
  RunInFiber([] {
    Routine r(UntilCancelled);
    Group group;
    group.Go([&] {
      r.Serving().Recv();
      r.Close();
      r.Close();
    });
    EXPECT_EQ(r.Execute(Background()).code(), absl::StatusCode::kCancelled);
    group.Wait();
    r.Close();
  });
}

TEST_P(RoutineTest, TheContextEndsItAndCleanupHasOneThatLives) {
  RunInFiber([] {
    auto [ctx, cancel] = WithCancel(Background());
    bool cleaned = false;
    Routine r(UntilCancelled, {.cleanup = [&](const Context& ctx) {
                EXPECT_TRUE(ctx.Err().ok());
                EXPECT_EQ(ArgumentsFrom(ctx).size(), 0u);
                cleaned = true;
                return absl::OkStatus();
              }});
    cancel();
    EXPECT_EQ(r.Execute(ctx).code(), absl::StatusCode::kCancelled);
    EXPECT_TRUE(cleaned);
  });
}

TEST_P(RoutineTest, ArgumentsComeByTheContext) {
  RunInFiber([] {
    std::vector<std::string> seen;
    Routine r(
        [&](const Context& ctx) {
          seen = ArgumentsFrom(ctx);
          return absl::OkStatus();
        },
        {.arguments = {"prog", "-v"}});
    EXPECT_TRUE(r.Execute(Background()).ok());
    EXPECT_EQ(seen, (std::vector<std::string>{"prog", "-v"}));
    EXPECT_TRUE(ArgumentsFrom(Background()).empty());
  });
}

TEST_P(RoutineTest, AChildsErrorEndsNobodyAndComesOut) {
  RunInFiber([] {
    auto failed = MakeChan<Empty>();
    Routine r(
        [&](const Context& ctx) {
          failed.Recv();
          EXPECT_TRUE(ctx.Err().ok());
          return absl::OkStatus();
        },
        {.children = {[&](const Context&) {
                        struct Tell {
                          ~Tell() { failed.Close(); }
                          const Chan<Empty>& failed;
                        } tell{failed};
                        return absl::DataLossError("child");
                      },
                      UntilCancelled}});
    EXPECT_EQ(r.Execute(Background()), absl::DataLossError("child"));
  });
}

TEST_P(RoutineTest, WhatAChildThrowsEndsItAllAndComesOutAfterCleanup) {
  RunInFiber([] {
    bool cleaned = false;
    Routine r(UntilCancelled,
              {.cleanup =
                   [&](const Context&) {
                     cleaned = true;
                     return absl::OkStatus();
                   },
               .children = {[](const Context&) -> absl::Status { Panic("child"); }}});
    EXPECT_EQ(PanicOf([&] { (void)r.Execute(Background()); }), "child");
    EXPECT_TRUE(cleaned);
  });
}

TEST_P(RoutineTest, ChildrenCanBeAddedWhileItServes) {
  RunInFiber([] {
    Routine r([](const Context& ctx) {
      Routine* self = Routine::From(ctx);
      EXPECT_EQ(*self->Go([](const Context&) { return absl::OkStatus(); }).Recv(),
                absl::OkStatus());
      EXPECT_EQ(*self->Go([](const Context&) { return absl::AbortedError("no"); }).Recv(),
                absl::AbortedError("no"));
      return absl::OkStatus();
    });
    EXPECT_EQ(r.Go(UntilCancelled).Recv()->code(), absl::StatusCode::kFailedPrecondition)
        << "before";
    EXPECT_EQ(r.Execute(Background()), absl::AbortedError("no"));
    EXPECT_EQ(r.Go(UntilCancelled).Recv()->code(), absl::StatusCode::kFailedPrecondition)
        << "after";
    EXPECT_EQ(Routine::From(Background()), nullptr);
  });
}

// Children are added while it ends: each of them either runs to its end or is refused.
TEST_P(RoutineTest, AddingRacesWithTheEnd) {
  for (int round = weft::testing::Repeat(100); round > 0; --round) {
    Routine r(UntilCancelled);
    std::atomic<int> started{0}, ended{0};
    Group group;
    group.Go([&] { (void)r.Execute(Background()); });
    group.Go([&] {
      for (int i = 0; i < 20; ++i) {
        absl::Status s = *r.Go([&](const Context& ctx) {
                             ++started;
                             if (started % 3 == 0) Gosched();
                             ++ended;
                             return ctx.Err();
                           }).Recv();
        if (s.code() == absl::StatusCode::kFailedPrecondition) Gosched();
      }
    });
    group.Go([&] {
      r.Serving().Recv();
      r.Close();
    });
    group.Wait();
    EXPECT_EQ(started, ended);
  }
}

TEST_P(RoutineTest, SignalsAreHandledAndSomeEndIt) {
  RunInFiber([] {
    auto signals = MakeChan<int>();
    std::vector<int> handled;
    Routine r(UntilCancelled, {.signals = signals,
                               .on_signal = [&](int s) { handled.push_back(s); },
                               .cancel_signals = {15}});
    Group group;
    group.Go([&] {
      for (int s : {1, 2, 15}) signals.Send(s);
    });
    EXPECT_EQ(r.Execute(Background()).code(), absl::StatusCode::kCancelled);
    group.Wait();
    EXPECT_EQ(handled, (std::vector<int>{1, 2, 15}));
  });
}

}  // namespace
}  // namespace weft::routine
