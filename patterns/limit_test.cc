#include "weft/patterns/limit.h"

#include <atomic>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using LimitTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, LimitTest, weft::testing::kWorkerCounts);

class Gauge {
 public:
  void Enter() {
    const int now = ++now_;
    int seen = most_;
    while (now > seen && !most_.compare_exchange_weak(seen, now)) {
    }
  }
  void Leave() { --now_; }
  int most() const { return most_; }

 private:
  std::atomic<int> now_{0}, most_{0};
};

TEST_P(LimitTest, NeverMoreThanN) {
  Limit limit(10);
  Gauge gauge;
  std::atomic<int> ran{0};
  for (int i = 0; i < weft::testing::Repeat(10000); ++i) {
    limit.Go([&] {
      gauge.Enter();
      if (++ran % 3 == 0) Gosched();
      gauge.Leave();
    });
  }
  limit.Wait();
  EXPECT_EQ(ran, weft::testing::Repeat(10000));
  EXPECT_LE(gauge.most(), 10);
}

TEST_P(LimitTest, TryGoFailsWithoutAPlace) {
  auto gate = MakeChan<Empty>();
  Limit limit(1);
  EXPECT_TRUE(limit.TryGo([&] { gate.Recv(); }));
  EXPECT_FALSE(limit.TryGo([] {}));
  gate.Close();
  limit.Wait();
  EXPECT_TRUE(limit.TryGo([] {}));
}

TEST_P(LimitTest, TheContextEndsTheWaitForAPlace) {
  auto gate = MakeChan<Empty>();
  Limit limit(1);
  limit.Go([&] { gate.Recv(); });
  auto [ctx, cancel] = WithCancel(Background());
  WaitGroup wg;
  wg.Go([&, ctx = ctx] {
    EXPECT_EQ(limit.Go(ctx, [] { FAIL(); }).code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(limit.Do(ctx, [] { FAIL(); }).code(), absl::StatusCode::kCancelled);
  });
  cancel();
  wg.Wait();
  gate.Close();
}

TEST_P(LimitTest, DoGivesThePlaceBackWhenTheFunctionPanics) {
  Limit limit(1);
  EXPECT_THROW((void)limit.Do(Background(), [] { Panic("boom"); }), PanicError);
  bool ran = false;
  EXPECT_TRUE(limit.Do(Background(), [&] { ran = true; }).ok());
  EXPECT_TRUE(ran);
}

TEST_P(LimitTest, GoexitGivesThePlaceBack) {
  Limit limit(1);
  for (int i = 0; i < 10; ++i) limit.Go([] { Goexit(); });
}

TEST_P(LimitTest, LessThanOnePanics) { EXPECT_THROW(Limit(0), PanicError); }

}  // namespace
}  // namespace weft
