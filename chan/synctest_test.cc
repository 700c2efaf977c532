// The rules of testing/synctest, one by one.
#include "weft/sched/testing/synctest.h"

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "absl/time/clock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/timer.h"

namespace weft {
namespace {

const absl::Time kStart = absl::FromCivil(absl::CivilSecond(2000, 1, 1), absl::UTCTimeZone());

TEST(SynctestTest, TimeStartsIn2000AndJumps) {
  const absl::Time before = absl::Now();
  synctest::Test([] {
    EXPECT_EQ(WallNow(), kStart);
    bool ran = false;
    Go([&ran] {
      Sleep(absl::Seconds(1));
      EXPECT_EQ(WallNow() - kStart, absl::Seconds(1));
      ran = true;
    });
    synctest::Sleep(absl::Hours(2));
    EXPECT_TRUE(ran);
    EXPECT_EQ(WallNow() - kStart, absl::Hours(2));
  });
  EXPECT_LT(absl::Now() - before, absl::Minutes(1));
}

TEST(SynctestTest, EachBubbleHasItsOwnClock) {
  for (int i = 0; i < 3; ++i) {
    synctest::Test([] {
      EXPECT_EQ(WallNow(), kStart);
      Sleep(absl::Hours(1));
    });
  }
}

TEST(SynctestTest, WaitLetsTheOthersSettle) {
  synctest::Test([] {
    bool done = false;
    Go([&done] { done = true; });
    synctest::Wait();
    EXPECT_TRUE(done);
    EXPECT_EQ(WallNow(), kStart);
  });
}

TEST(SynctestTest, WaitDoesNotWaitForSleepers) {
  synctest::Test([] {
    std::atomic<bool> done{false};  // time orders nothing
    Go([&done] {
      Sleep(absl::Seconds(1));
      done = true;
    });
    synctest::Wait();
    EXPECT_FALSE(done);
    Sleep(absl::Seconds(1));
    synctest::Wait();
    EXPECT_TRUE(done);
  });
}

// A nil channel leaves one that counts, for which one look decides; here nobody has looked before.
TEST(SynctestTest, SelectFindsTheOneThatIsReadyBesideNil) {
  synctest::Test([] {
    auto ready = MakeChan<int>(1);
    ready.Send(1);
    EXPECT_EQ(Select(OnRecv(Chan<int>()), OnRecv(ready), OnDefault()), 1);
    EXPECT_EQ(Select(OnRecv(Chan<int>()), OnRecv(ready), OnDefault()), 2);
    EXPECT_EQ(Select(OnSend(ready, 2), OnDefault()), 0);
    EXPECT_EQ(Select(OnRecv(ready), OnDefault()), 0);
  });
}

// Two that wake at one instant: after synctest::Sleep the other has had its turn.
TEST(SynctestTest, SleepSettlesWhoWakesAtTheSameTime) {
  synctest::Test([] {
    std::atomic<int> woken{0};
    for (int i = 0; i < 5; ++i) {
      Go([&woken] {
        Sleep(absl::Seconds(1));
        ++woken;
      });
    }
    synctest::Sleep(absl::Seconds(1));
    EXPECT_EQ(woken, 5);
    EXPECT_EQ(WallNow() - kStart, absl::Seconds(1));
  });
}

TEST(SynctestTest, ChannelsOfTheBubbleBlockDurably) {
  synctest::Test([] {
    auto c = MakeChan<int>();
    auto d = MakeChan<int>();
    Go([c] { c.Recv(); });
    Go([d] { d.Send(1); });
    Go([c, d] { Select(OnRecv(c), OnRecv(MakeChan<int>())); });
    synctest::Wait();
    c.Close();
    d.Recv();
    synctest::Wait();
    EXPECT_EQ(NumFiber(), 1);
  });
}

TEST(SynctestTest, NilChannelsBlockDurably) {
  std::string failure = synctest::Run([] {
    Go([] { Chan<int>{}.Recv(); });
    synctest::Wait();
  });
  EXPECT_EQ(failure, "deadlock: main bubble fiber has exited but blocked fibers remain");
}

TEST(SynctestTest, DeadlockFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(synctest::Test([] { MakeChan<int>().Recv(); }),
                          "deadlock: all fibers in bubble are blocked");
}

TEST(SynctestTest, TimeStopsWhenTheFirstFiberEnds) {
  const std::string failure = synctest::Run([] { Go([] { Sleep(absl::Seconds(1)); }); });
  EXPECT_EQ(failure, "deadlock: main bubble fiber has exited but blocked fibers remain");
}

TEST(SynctestTest, TestWaitsForAllFibers) {
  bool done = false;
  synctest::Test([&done] {
    Go([&done] {
      for (int i = 0; i < 10; ++i) Gosched();
      done = true;
    });
  });
  EXPECT_TRUE(done);
}

TEST(SynctestTest, PanicFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(synctest::Test([] { Panic("oops"); }), "panic: oops");
}

// Somebody outside may end the wait, so the clock stands still meanwhile.
TEST(SynctestTest, OutsideChannelBlocksNotDurably) {
  auto outside = MakeChan<int>();
  std::atomic<bool> waiting{false};
  std::thread sender([&waiting, outside] {
    while (!waiting) std::this_thread::yield();
    outside.Send(7);
  });
  synctest::Test([&waiting, outside] {
    int got = 0;
    Go([&got, &waiting, outside] {
      waiting = true;
      got = *outside.Recv();
      EXPECT_EQ(WallNow(), kStart);
    });
    synctest::Sleep(absl::Seconds(1));
    EXPECT_EQ(got, 7);
  });
  sender.join();
}

TEST(SynctestTest, WaitOutsideOfABubblePanics) { EXPECT_THROW(synctest::Wait(), PanicError); }

TEST(SynctestTest, SecondWaitPanics) {
  EXPECT_EQ(synctest::Run([] {
              Go([] { synctest::Wait(); });
              synctest::Wait();
            }),
            "panic: wait already in progress");
}

TEST(SynctestTest, BubbleInABubbleIsFatal) {
  EXPECT_EQ(synctest::Run([] { synctest::Run([] {}); }),
            "fatal error: synctest.Run called from within a synctest bubble");
}

TEST(SynctestTest, RunsFromAFiber) {
  std::string failure = "not run";
  auto done = MakeChan<Empty>();
  Go([&failure, done] {
    failure = synctest::Run([] { Sleep(absl::Hours(1)); });
    done.Close();
  });
  done.Recv();
  EXPECT_EQ(failure, "");
}

// Waited for and not: the bubble's clock has nothing to do with it.
TEST(SynctestTest, TimersFromOutsideKeepRealTime) {
  const Timer past(absl::ZeroDuration());
  const Timer far(absl::Hours(1));
  const Ticker ticker(absl::Milliseconds(1));
  const absl::Time before = absl::Now();
  synctest::Test([&] {
    EXPECT_TRUE(past.C().TryRecv().received());
    for (int i = 0; i < 3; ++i) {
      const std::optional<absl::Time> tick = ticker.C().Recv();
      EXPECT_GT(*tick, before - absl::Minutes(1));
      EXPECT_LT(*tick, absl::Now() + absl::Minutes(1));
    }
    EXPECT_EQ(Select(OnRecv(far.C()), OnRecv(ticker.C())), 1);
    EXPECT_EQ(WallNow(), kStart);
    Sleep(absl::Hours(2));
    EXPECT_TRUE(far.C().TryRecv().empty());
  });
  EXPECT_TRUE(far.Stop());
}

TEST(SynctestTest, TicksThatNobodyWaitsForAreThere) {
  synctest::Test([] {
    const Ticker ticker(absl::Seconds(2));
    Sleep(absl::Seconds(7));
    EXPECT_EQ(*ticker.C().TryRecv() - kStart, absl::Seconds(2));
    EXPECT_TRUE(ticker.C().TryRecv().empty());
    EXPECT_EQ(*ticker.C().Recv() - kStart, absl::Seconds(8));
  });
}

TEST(SynctestTest, TimerMayOutliveItsBubble) {
  std::unique_ptr<Timer> timer;
  std::optional<RecvChan<absl::Time>> ticks;
  synctest::Test([&] {
    timer = std::make_unique<Timer>(absl::Hours(1));
    AfterFunc(absl::Hours(1), [] { ADD_FAILURE() << "time went on"; });
  });
  timer.reset();
}

using SynctestDeathTest = ::testing::Test;

// A channel that a bubble has made, used by `use` from outside while the bubble waits.
template <typename Use>
void UseFromOutside(Use use) {
  synctest::Test([use] {
    auto c = MakeChan<int>(1);
    std::thread([c, use] { use(c); }).join();
  });
}

TEST(SynctestDeathTest, ChannelsFromOutsideAreFatal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(UseFromOutside([](Chan<int> c) { c.Send(1); }), ::testing::ExitedWithCode(2),
              "fatal error: send on synctest channel from outside bubble");
  EXPECT_EXIT(UseFromOutside([](Chan<int> c) { c.Recv(); }), ::testing::ExitedWithCode(2),
              "fatal error: receive on synctest channel from outside bubble");
  EXPECT_EXIT(UseFromOutside([](Chan<int> c) { c.TryRecv(); }), ::testing::ExitedWithCode(2),
              "fatal error: receive on synctest channel from outside bubble");
  EXPECT_EXIT(UseFromOutside([](Chan<int> c) { c.Close(); }), ::testing::ExitedWithCode(2),
              "fatal error: close of synctest channel from outside bubble");
  EXPECT_EXIT(UseFromOutside([](Chan<int> c) { Select(OnRecv(c), OnRecv(MakeChan<int>())); }),
              ::testing::ExitedWithCode(2),
              "fatal error: select on synctest channel from outside bubble");
}

TEST(SynctestDeathTest, ChannelOfAFormerBubbleIsFatal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        std::optional<Chan<int>> c;
        synctest::Test([&c] { c = MakeChan<int>(1); });
        c->Send(1);
      },
      ::testing::ExitedWithCode(2), "send on synctest channel from outside bubble");
}

TEST(SynctestDeathTest, TimerChannelsFromOutsideAreFatal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto receive = [](auto use) {
    synctest::Test([use] {
      const RecvChan<absl::Time> c = After(absl::Hours(1));
      std::thread([c, use] { use(c); }).join();
    });
  };
  EXPECT_EXIT(receive([](const auto& c) { c.Recv(); }), ::testing::ExitedWithCode(2),
              "receive on synctest channel from outside bubble");
  EXPECT_EXIT(receive([](const auto& c) { c.TryRecv(); }), ::testing::ExitedWithCode(2),
              "receive on synctest channel from outside bubble");
  EXPECT_EXIT(receive([](const auto& c) { Select(OnRecv(c), OnDefault()); }),
              ::testing::ExitedWithCode(2), "select on synctest channel from outside bubble");
}

TEST(SynctestDeathTest, TimersFromOutsideAreFatal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(synctest::Test([] {
                Timer timer(absl::Hours(1));
                std::thread([&timer] { timer.Stop(); }).join();
              }),
              ::testing::ExitedWithCode(2), "synctest timer accessed from outside bubble");
}

}  // namespace
}  // namespace weft
