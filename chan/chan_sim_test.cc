// Channels, selects and timers under simulation.
#include <optional>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/sim.h"
#include "weft/sched/testing/sim_gtest.h"
#include "weft/sched/timer.h"

namespace weft {
namespace {

const sim::Options kAll = {.search = sim::Search::kExhaustive, .runs = 1'000'000};

SIM_TEST(ChanSimTest, NothingIsLostOrDoubled) {
  auto numbers = MakeChan<int>(2);
  auto sums = MakeChan<int>();
  for (int i = 0; i < 3; ++i) {
    Go([=] {
      int sum = 0;
      for (int n : numbers) sum += n;
      sums.Send(sum);
    });
  }
  for (int n = 1; n <= 10; ++n) numbers.Send(n);
  numbers.Close();
  EXPECT_EQ(*sums.Recv() + *sums.Recv() + *sums.Recv(), 55);
}

// Every order of two senders and one receiver, for each capacity.
TEST(ChanSimTest, FifoInEveryOrder) {
  for (int capacity = 0; capacity <= 2; ++capacity) {
    std::set<std::string> seen;
    const sim::Result result = sim::Run(kAll, [&] {
      auto c = MakeChan<char>(capacity);
      Go([c] {
        c.Send('a');
        c.Send('b');
      });
      Go([c] { c.Send('x'); });
      std::string got;
      for (int i = 0; i < 3; ++i) got += *c.Recv();
      sim::Check(got.find('a') < got.find('b'), "overtaken");
      seen.insert(got);
    });
    EXPECT_TRUE(result.passed) << result.report;
    EXPECT_TRUE(result.complete);
    EXPECT_EQ(seen, (std::set<std::string>{"abx", "axb", "xab"})) << capacity;
  }
}

TEST(ChanSimTest, SelectTakesEveryReadyCase) {
  std::set<int> taken;
  const sim::Result result = sim::Run(kAll, [&] {
    auto a = MakeChan<int>(1);
    auto b = MakeChan<int>(1);
    auto never = MakeChan<int>();
    a.Send(1);
    b.Send(1);
    taken.insert(Select(OnRecv(never), OnRecv(a), OnRecv(b)));
  });
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(taken, (std::set<int>{1, 2}));
}

TEST(ChanSimTest, SpuriousFailureSparesTheChannel) {
  const sim::Options options = {
      .search = sim::Search::kExhaustive, .runs = 1000, .spurious_failures = 1};
  std::set<bool> sent;
  const sim::Result result = sim::Run(options, [&] {
    auto c = MakeChan<int>(1);
    const bool ok = c.TrySend(7);
    sent.insert(ok);
    sim::Check(c.len() == (ok ? 1 : 0), "half sent");
  });
  EXPECT_TRUE(result.passed) << result.report;
  EXPECT_EQ(sent.size(), 2u);
  const auto must = [] { sim::Check(MakeChan<int>(1).TrySend(7), "failed for no reason"); };
  EXPECT_TRUE(sim::Run({}, must).passed);
}

TEST(ChanSimTest, UnbufferedDeadlockIsSeenAtOnce) {
  const sim::Result result = sim::Run({}, [] { MakeChan<int>().Send(1); });
  EXPECT_EQ(result.failure, "all fibers are asleep - deadlock!");
  EXPECT_NE(result.report.find("[chan send"), std::string::npos) << result.report;
}

SIM_TEST(ChanSimTest, TimeoutsTakeNoTime) {
  auto c = MakeChan<int>();
  const absl::Time start = WallNow();
  EXPECT_EQ(Select(OnRecv(c), OnRecv(After(absl::Hours(24)))), 1);
  EXPECT_EQ(WallNow() - start, absl::Hours(24));
}

SIM_TEST(ChanSimTest, TimerChannelSendsVirtualTime) {
  const absl::Time start = WallNow();
  EXPECT_EQ(*After(absl::Seconds(3)).Recv(), start + absl::Seconds(3));
  Ticker ticker(absl::Minutes(1));
  EXPECT_EQ(*ticker.C().Recv(), start + absl::Seconds(63));
  EXPECT_EQ(*ticker.C().Recv(), start + absl::Seconds(123));
  ticker.Stop();
}

// Both are due at one instant, and whoever is first wins.
TEST(ChanSimTest, TimersThatTieFireInBothOrders) {
  std::set<int> winners;
  const sim::Result result = sim::Run({.runs = 100}, [&] {
    auto a = After(absl::Seconds(1));
    auto b = After(absl::Seconds(1));
    winners.insert(Select(OnRecv(a), OnRecv(b)));
  });
  EXPECT_TRUE(result.passed) << result.report;
  EXPECT_EQ(winners.size(), 2u);
}

// A channel from outside may be used in a world that nobody else has a part in.
TEST(ChanSimTest, OutsideChannelMayBeUsed) {
  auto outside = MakeChan<int>(1);
  const sim::Result result = sim::Run({.runs = 20}, [&] {
    Go([&] { outside.Send(1); });
    outside.Recv();
  });
  EXPECT_TRUE(result.passed) << result.report;
}

}  // namespace
}  // namespace weft
