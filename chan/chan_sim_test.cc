// Channels, selects and timers under simulation.
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "absl/time/time.h"
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

// What a timer must do, with a clock that stands still unless somebody waits.
struct TimerRules {
  bool set = false;
  int64_t due = 0;
  int64_t period = 0;

  bool IsDue(int64_t now) const { return set && due <= now; }
  void Reset(int64_t when, int64_t every) { set = true, due = when, period = every; }
  // On the grid of the first, however late.
  int64_t Take(int64_t now) {
    const int64_t taken = due;
    set = period > 0;
    if (set) due += period * (1 + (now - due) / period);
    return taken;
  }
};

// Random programs, step by step: which times are received, and what Stop() and Reset() return.
void CompareWithTheRules(uint32_t seed, bool ticks) {
  std::mt19937 random(seed);
  const auto below = [&random](int n) { return static_cast<int>(random() % n); };
  const absl::Time start = WallNow();
  const auto now = [start] { return absl::ToInt64Seconds(WallNow() - start); };
  const auto at = [start](int64_t t) { return start + absl::Seconds(t); };
  TimerRules rules;
  rules.Reset(3, ticks ? 3 : 0);
  std::optional<Timer> timer;
  std::optional<Ticker> ticker;
  if (ticks) {
    ticker.emplace(absl::Seconds(3));
  } else {
    timer.emplace(absl::Seconds(3));
  }
  const RecvChan<absl::Time> c = ticks ? ticker->C() : timer->C();
  const auto never = MakeChan<int>();
  for (int step = 0; step < 40; ++step) {
    const int64_t d = 1 + below(5);
    switch (below(7)) {
      case 0:
        Sleep(absl::Seconds(d));
        break;
      case 1: {
        const bool due = rules.IsDue(now());
        const auto result = c.TryRecv();
        ASSERT_EQ(result.received(), due) << step;
        if (due) {
          ASSERT_EQ(*result, at(rules.Take(now()))) << step;
        }
        break;
      }
      case 2: {
        if (!rules.set) break;
        const auto received = c.Recv();
        ASSERT_EQ(*received, at(rules.Take(now()))) << step;
        break;
      }
      case 3: {
        if (!rules.set) break;
        const bool before = rules.due <= now() + d - 1;
        std::optional<absl::Time> received;
        const int ran = Select(OnRecv(After(absl::Milliseconds(1000 * d - 500))), OnRecv(never),
                               OnRecv(c, &received));
        ASSERT_EQ(ran, before ? 2 : 0) << step;
        if (ran == 2) {
          ASSERT_EQ(*received, at(rules.Take(now()))) << step;
        }
        Sleep(at(now() + (ran == 0 ? 1 : 0)) - WallNow());
        break;
      }
      case 4: {
        const bool due = rules.IsDue(now());
        std::optional<absl::Time> received;
        const int ran = Select(OnRecv(c, &received), OnRecv(never), OnDefault());
        ASSERT_EQ(ran, due ? 0 : 2) << step;
        if (due) {
          ASSERT_EQ(*received, at(rules.Take(now()))) << step;
        }
        break;
      }
      case 5:
        if (ticks) {
          ticker->Stop();
        } else {
          ASSERT_EQ(timer->Stop(), rules.set) << step;
        }
        rules.set = false;
        break;
      default:
        if (ticks) {
          ticker->Reset(absl::Seconds(d));
        } else {
          ASSERT_EQ(timer->Reset(absl::Seconds(d)), rules.set) << step;
        }
        rules.Reset(now() + d, ticks ? d : 0);
        break;
    }
    ASSERT_EQ(c.len(), 0);
    ASSERT_EQ(c.cap(), 0);
  }
}

TEST(ChanSimTest, TimersKeepTheRules) {
  for (uint32_t seed = 1; seed <= 100; ++seed) {
    for (bool ticks : {false, true}) {
      const sim::Result result = sim::Run({.runs = 1}, [&] { CompareWithTheRules(seed, ticks); });
      ASSERT_TRUE(result.passed && !::testing::Test::HasFailure()) << seed << result.report;
    }
  }
}

// Two that wait for one ticker, one that resets it, in every order: nobody is forgotten, and no
// tick is given twice or too early.
TEST(ChanSimTest, TickerIsResetWhileTwoWait) {
  const sim::Result result = sim::Run(kAll, [&] {
    const absl::Time start = WallNow();
    Ticker ticker(absl::Seconds(5));
    auto received = MakeChan<absl::Time>(2);
    for (int i = 0; i < 2; ++i) {
      Go([&] { received.Send(*ticker.C().Recv()); });
    }
    Go([&] {
      Sleep(absl::Seconds(1));
      ticker.Reset(absl::Seconds(2));
    });
    const absl::Time first = *received.Recv();
    const absl::Time second = *received.Recv();
    sim::Check(first == start + absl::Seconds(3), "the first tick");
    sim::Check(second == start + absl::Seconds(5), "the second tick");
    sim::Check(WallNow() == second, "too early, or too late");
  });
  EXPECT_TRUE(result.passed) << result.report;
  EXPECT_TRUE(result.complete);
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
