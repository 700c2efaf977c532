#include "weft/patterns/run_group.h"

#include <atomic>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/patterns/panics.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using RunGroupTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, RunGroupTest, weft::testing::kWorkerCounts);

TEST_P(RunGroupTest, WithoutActorsItReturnsAtOnce) { EXPECT_TRUE(RunGroup().Run().ok()); }

TEST_P(RunGroupTest, TheFirstToReturnInterruptsAllAndItsErrorIsReturned) {
  RunGroup group;
  std::vector<absl::Status> interrupted;
  std::atomic<int> ended{0};
  group.Add([] { return absl::NotFoundError("first"); },
            [&](const absl::Status& s) { interrupted.push_back(s); });
  for (int i = 0; i < 3; ++i) {
    auto stop = MakeChan<Empty>();
    group.Add(
        [&, stop] {
          stop.Recv();
          ++ended;
          return absl::InternalError("later");
        },
        [&, stop](const absl::Status& s) {
          interrupted.push_back(s);
          stop.Close();
        });
  }
  EXPECT_EQ(group.Run(), absl::NotFoundError("first"));
  EXPECT_EQ(ended, 3) << "Run waits for all";
  EXPECT_EQ(interrupted, std::vector<absl::Status>(4, absl::NotFoundError("first")));
}

TEST_P(RunGroupTest, ReturningOkEndsTheGroupToo) {
  RunGroup group;
  group.Add([] { return absl::OkStatus(); }, [](const absl::Status&) {});
  group.Add(ContextActor(Background()));
  EXPECT_TRUE(group.Run().ok());
}

TEST_P(RunGroupTest, AContextsEndEndsTheGroup) {
  auto [ctx, cancel] = WithCancel(Background());
  RunGroup group;
  group.Add(ContextActor(ctx));
  auto stop = MakeChan<Empty>();
  group.Add(
      [stop] {
        stop.Recv();
        return absl::OkStatus();
      },
      [stop](const absl::Status&) { stop.Close(); });
  cancel();
  EXPECT_EQ(group.Run().code(), absl::StatusCode::kCancelled);
}

TEST_P(RunGroupTest, ASignalEndsTheGroup) {
  auto signals = MakeChan<int>(1);
  RunGroup group;
  group.Add(ContextActor(Background()));
  group.Add(SignalActor(Background(), signals));
  signals.Send(15);
  EXPECT_EQ(group.Run(), absl::CancelledError("received signal 15"));
}

TEST_P(RunGroupTest, WhoWaitsForSignalsIsInterruptedAndHeedsItsContext) {
  {
    RunGroup group;
    group.Add([] { return absl::DataLossError("first"); }, [](const absl::Status&) {});
    group.Add(SignalActor(Background(), MakeChan<int>()));
    EXPECT_EQ(group.Run(), absl::DataLossError("first"));
  }
  auto [ctx, cancel] = WithCancel(Background());
  cancel();
  RunGroup group;
  group.Add(SignalActor(ctx, nullptr));
  EXPECT_EQ(group.Run().code(), absl::StatusCode::kCancelled);
}

TEST_P(RunGroupTest, APanicInterruptsTheOthersAndIsThrown) {
  RunGroup group;
  group.Add([]() -> absl::Status { Panic("actor broke"); }, [](const absl::Status&) {});
  group.Add(ContextActor(Background()));
  std::optional<Recovered> panic = Recover([&] { (void)group.Run(); });
  ASSERT_TRUE(panic.has_value());
  EXPECT_EQ(panic->message(), "actor broke");
}

TEST_P(RunGroupTest, APanicOfAnInterruptKeepsNoOtherFromBeingInterrupted) {
  RunGroup group;
  group.Add([] { return absl::OkStatus(); }, [](const absl::Status&) { Panic("interrupt broke"); });
  group.Add(ContextActor(Background()));
  EXPECT_THROW((void)group.Run(), PanicError);
}

TEST_P(RunGroupTest, GoexitCountsAsAReturn) {
  RunGroup group;
  group.Add([]() -> absl::Status { Goexit(); }, [](const absl::Status&) {});
  group.Add(ContextActor(Background()));
  EXPECT_TRUE(group.Run().ok());
}

}  // namespace
}  // namespace weft
