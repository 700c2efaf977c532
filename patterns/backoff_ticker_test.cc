#include "weft/patterns/backoff_ticker.h"

#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/synctest.h"
#include "weft/sched/timer.h"

namespace weft {
namespace {

using BackoffTickerTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, BackoffTickerTest, weft::testing::kWorkerCounts);

const BackoffOptions kDoubling = {
    .initial = absl::Seconds(1), .multiplier = 2, .jitter = 0, .max_interval = absl::Seconds(8)};
const BackoffOptions kNever = BackoffOptions::Constant(absl::Hours(1));

TEST(BackoffTickerTimeTest, TheFirstTickComesAtOnceAndIntervalsGrow) {
  synctest::Test([] {
    const absl::Time start = WallNow();
    BackoffTicker ticker(Background(), kDoubling, 6);
    std::vector<int64_t> seconds;
    while (std::optional<absl::Time> tick = ticker.ticks().Recv()) {
      EXPECT_EQ(*tick, WallNow());
      seconds.push_back(absl::ToInt64Seconds(*tick - start));
    }
    EXPECT_EQ(seconds, (std::vector<int64_t>{0, 1, 3, 7, 15, 23}));
  });
}

TEST(BackoffTickerTimeTest, AnIntervalBeginsWhenTheTickIsReceived) {
  synctest::Test([] {
    BackoffTicker ticker(Background(), kDoubling);
    synctest::Sleep(absl::Minutes(1));
    ticker.ticks().Recv();
    const absl::Time received = WallNow();
    ticker.ticks().Recv();
    EXPECT_EQ(WallNow() - received, absl::Seconds(1));
  });
}

// No fiber is left of any of them: the fixture looks.
TEST_P(BackoffTickerTest, StopEndsItWhereverItIs) {
  BackoffTicker nobody_receives(Background(), kDoubling);
  BackoffTicker sleeps(Background(), kNever);
  sleeps.ticks().Recv();
  for (BackoffTicker* ticker : {&nobody_receives, &sleeps}) {
    ticker->Stop();
    ticker->Stop();
    EXPECT_FALSE(ticker->ticks().Recv().has_value());
  }
  BackoffTicker forgotten(Background(), kNever);
}

TEST_P(BackoffTickerTest, ItsContextEndsIt) {
  auto [ctx, cancel] = WithCancel(Background());
  BackoffTicker ticker(ctx, kNever);
  ticker.ticks().Recv();
  cancel();
  EXPECT_FALSE(ticker.ticks().Recv().has_value());
}

TEST_P(BackoffTickerTest, OptionsThatMakeNoSensePanic) {
  EXPECT_THROW(BackoffTicker(Background(), {.multiplier = 0.5}), PanicError);
}

}  // namespace
}  // namespace weft
