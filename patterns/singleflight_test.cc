#include "weft/patterns/singleflight.h"

#include <atomic>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using SingleFlightTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, SingleFlightTest, weft::testing::kWorkerCounts);

using Flights = SingleFlight<std::string, int>;

// A call that stays under way until Finish(), with `followers` fibers that have joined it.
class OpenCall {
 public:
  explicit OpenCall(Flights& flights) : flights_(flights) {}

  template <typename Fn>
  void Lead(Fn end) {
    wg_.Go([this, end] {
      flights_.Do("key", [&]() -> absl::StatusOr<int> {
        entered_.Close();
        gate_.Recv();
        return end();
      });
    });
    entered_.Recv();
  }

  void Finish() {
    gate_.Close();
    wg_.Wait();
  }

 private:
  Flights& flights_;
  WaitGroup wg_;
  Chan<Empty> entered_ = MakeChan<Empty>();
  Chan<Empty> gate_ = MakeChan<Empty>();
};

TEST_P(SingleFlightTest, DoReturnsTheResult) {
  Flights flights;
  Flights::Result result = flights.Do("key", [] { return absl::StatusOr<int>(7); });
  EXPECT_EQ(*result.value, 7);
  EXPECT_FALSE(result.shared);
  EXPECT_EQ(flights.Do("key", [] { return absl::NotFoundError("no"); }).value.status(),
            absl::NotFoundError("no"));
}

TEST_P(SingleFlightTest, CallersAtTheSameTimeShareOneCall) {
  Flights flights;
  std::atomic<int> calls{0};
  auto entered = MakeChan<Empty>();
  auto gate = MakeChan<Empty>();
  std::atomic<int> shared{0};
  WaitGroup wg;
  const auto ask = [&] {
    Flights::Result result = flights.Do("key", [&]() -> absl::StatusOr<int> {
      // One who comes when the first call has ended makes another.
      if (++calls == 1) entered.Close();
      gate.Recv();
      return 7;
    });
    EXPECT_EQ(*result.value, 7);
    shared += result.shared;
  };
  wg.Go(ask);
  entered.Recv();
  // These join: the entry is there until the gate opens.
  auto joined = flights.DoChan("key", [] { return absl::StatusOr<int>(8); });
  for (int i = 0; i < 9; ++i) wg.Go(ask);
  gate.Close();
  EXPECT_EQ(*joined.Recv()->value, 7);
  wg.Wait();
  EXPECT_GE(shared, 1);  // the leader, too, learns that it was shared
  EXPECT_LE(calls, 10);
}

TEST_P(SingleFlightTest, SharedIsTrueForTheLeaderToo) {
  Flights flights;
  auto entered = MakeChan<Empty>();
  auto gate = MakeChan<Empty>();
  auto leader = flights.DoChan("key", [=]() -> absl::StatusOr<int> {
    entered.Close();
    gate.Recv();
    return 7;
  });
  entered.Recv();
  auto follower = flights.DoChan("key", [] { return absl::StatusOr<int>(8); });
  gate.Close();
  EXPECT_TRUE(leader.Recv()->shared);
  EXPECT_TRUE(follower.Recv()->shared);
}

TEST_P(SingleFlightTest, KeysDoNotShare) {
  Flights flights;
  OpenCall call(flights);
  call.Lead([] { return 1; });
  EXPECT_EQ(*flights.Do("other", [] { return absl::StatusOr<int>(2); }).value, 2);
  call.Finish();
}

// The forgotten call must not remove the entry of its successor when it ends.
TEST_P(SingleFlightTest, ForgetLetsANewCallStartWhileTheOldOneRuns) {
  Flights flights;
  auto old_gate = MakeChan<Empty>();
  auto old_entered = MakeChan<Empty>();
  auto old_answer = flights.DoChan("key", [=]() -> absl::StatusOr<int> {
    old_entered.Close();
    old_gate.Recv();
    return 1;
  });
  old_entered.Recv();
  flights.Forget("key");
  auto new_gate = MakeChan<Empty>();
  auto new_entered = MakeChan<Empty>();
  auto new_answer = flights.DoChan("key", [=]() -> absl::StatusOr<int> {
    new_entered.Close();
    new_gate.Recv();
    return 2;
  });
  new_entered.Recv();
  old_gate.Close();
  EXPECT_EQ(*old_answer.Recv()->value, 1);
  auto third = flights.DoChan("key", [] { return absl::StatusOr<int>(3); });
  new_gate.Close();
  EXPECT_EQ(*new_answer.Recv()->value, 2);
  EXPECT_EQ(*third.Recv()->value, 2) << "joined the second call";
}

TEST_P(SingleFlightTest, APanicIsRethrownInEveryDo) {
  Flights flights;
  auto entered = MakeChan<Empty>();
  auto gate = MakeChan<Empty>();
  std::atomic<int> panics{0};
  std::atomic<int> asked{0};
  WaitGroup wg;
  const auto ask = [&](bool leads) {
    std::optional<Recovered> panic = Recover([&] {
      ++asked;
      (void)flights.Do("key", [&]() -> absl::StatusOr<int> {
        if (leads) {
          entered.Close();
          gate.Recv();
        }
        Panic("in flight");
      });
    });
    ASSERT_TRUE(panic.has_value());
    EXPECT_EQ(panic->message(), "in flight");
    EXPECT_NE(panic->Stack(), "");
    ++panics;
  };
  wg.Go([&] { ask(true); });
  entered.Recv();
  for (int i = 0; i < 5; ++i) wg.Go([&] { ask(false); });
  while (asked < 6) Gosched();
  gate.Close();
  wg.Wait();
  EXPECT_EQ(panics, 6);
  EXPECT_EQ(*flights.Do("key", [] { return absl::StatusOr<int>(7); }).value, 7);
}

TEST_P(SingleFlightTest, GoexitEndsEverybodyWhoShares) {
  Flights flights;
  auto entered = MakeChan<Empty>();
  auto gate = MakeChan<Empty>();
  std::atomic<int> returned{0}, asked{0};
  WaitGroup wg;
  wg.Go([&] {
    (void)flights.Do("key", [&]() -> absl::StatusOr<int> {
      entered.Close();
      gate.Recv();
      Goexit();
    });
    ++returned;
  });
  entered.Recv();
  for (int i = 0; i < 5; ++i) {
    wg.Go([&] {
      ++asked;
      (void)flights.Do("key", []() -> absl::StatusOr<int> { Goexit(); });
      ++returned;
    });
  }
  while (asked < 5) Gosched();
  gate.Close();
  wg.Wait();
  EXPECT_EQ(returned, 0);
}

TEST_P(SingleFlightTest, AReceiverLearnsOfGoexit) {
  Flights flights;
  auto answer = flights.DoChan("key", []() -> absl::StatusOr<int> { Goexit(); });
  EXPECT_EQ(answer.Recv()->value.status().code(), absl::StatusCode::kAborted);
}

TEST_P(SingleFlightTest, TheChannelHoldsOneResultAndIsNotClosed) {
  Flights flights;
  auto answer = flights.DoChan("key", [] { return absl::StatusOr<int>(7); });
  EXPECT_EQ(answer.cap(), 1);
  EXPECT_EQ(*answer.Recv()->value, 7);
  EXPECT_TRUE(answer.TryRecv().empty());
}

TEST_P(SingleFlightTest, AContextEndsTheWaitAndNotTheCall) {
  Flights flights;
  auto [ctx, cancel] = WithCancel(Background());
  auto gate = MakeChan<Empty>();
  auto ended = MakeChan<Empty>();
  WaitGroup wg;
  wg.Go([&, ctx = ctx] {
    const auto fn = [=]() -> absl::StatusOr<int> {
      gate.Recv();
      ended.Close();
      return 7;
    };
    EXPECT_EQ(flights.Do(ctx, "key", fn).value.status().code(), absl::StatusCode::kCancelled);
  });
  cancel();
  wg.Wait();
  gate.Close();
  ended.Recv();
  ASSERT_TRUE(weft::testing::WaitForNoFibers());  // before `flights` dies
}

TEST_P(SingleFlightTest, StressEveryCallerGetsAValueOfItsKey) {
  SingleFlight<int, int> flights;
  std::atomic<int64_t> calls{0};
  WaitGroup wg;
  const int rounds = weft::testing::Repeat(300);
  for (int f = 0; f < 16; ++f) {
    wg.Go([&, f] {
      for (int i = 0; i < rounds; ++i) {
        const int key = (i + f % 3) % 4;
        if (i % 17 == 0) flights.Forget(key);
        auto result = flights.Do(key, [&]() -> absl::StatusOr<int> {
          ++calls;
          Gosched();
          return key * 10;
        });
        ASSERT_EQ(*result.value, key * 10);
      }
    });
  }
  wg.Wait();
  EXPECT_LE(calls, int64_t{16} * rounds);
}

using SingleFlightDeathTest = weft::testing::FiberTest;

TEST_F(SingleFlightDeathTest, APanicThatAChannelSharesEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Flights flights;
        auto answer = flights.DoChan("key", []() -> absl::StatusOr<int> { Panic("in flight"); });
        (void)answer.Recv();
      },
      ::testing::ExitedWithCode(2), "panic: in flight");
}

}  // namespace
}  // namespace weft
