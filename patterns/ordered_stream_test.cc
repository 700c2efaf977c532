#include "weft/patterns/ordered_stream.h"

#include <atomic>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/seed.h"

namespace weft {
namespace {

using OrderedStreamTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, OrderedStreamTest, weft::testing::kWorkerCounts);

TEST_P(OrderedStreamTest, CallbacksRunInTheOrderOfSubmission) {
  std::mt19937 random(static_cast<uint32_t>(weft::testing::Seed()));
  std::vector<int> order;
  std::atomic<int> now{0}, most{0};
  OrderedStream stream(5);
  for (int i = 0; i < 200; ++i) {
    stream.Go([&, i, yields = random() % 4] {
      const int active = ++now;
      int seen = most;
      while (active > seen && !most.compare_exchange_weak(seen, active)) {
      }
      for (unsigned y = 0; y < yields; ++y) Gosched();
      --now;
      return [&order, i] { order.push_back(i); };
    });
  }
  stream.Wait();
  ASSERT_EQ(order.size(), 200u);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(order[i], i);
  EXPECT_LE(most, 5);
}

TEST_P(OrderedStreamTest, AnEmptyCallbackIsSkipped) {
  OrderedStream stream(2);
  bool ran = false;
  stream.Go([] { return OrderedStream::Callback(); });
  stream.Go([&] { return [&] { ran = true; }; });
  stream.Wait();
  EXPECT_TRUE(ran);
}

TEST_P(OrderedStreamTest, ATasksPanicIsThrownAndLaterCallbacksDoNotRun) {
  OrderedStream stream(2);
  std::vector<int> order;
  std::atomic<int> tasks{0};
  for (int i = 0; i < 10; ++i) {
    stream.Go([&, i] {
      ++tasks;
      if (i == 4) Panic("task broke");
      return [&order, i] { order.push_back(i); };
    });
  }
  EXPECT_THROW(stream.Wait(), PanicError);
  EXPECT_EQ(tasks, 10);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST_P(OrderedStreamTest, ACallbacksPanicIsThrownAndLaterOnesDoNotRun) {
  OrderedStream stream(2);
  std::vector<int> order;
  for (int i = 0; i < 10; ++i) {
    stream.Go([&, i] {
      return [&order, i] {
        order.push_back(i);
        if (i == 3) Panic("callback broke");
      };
    });
  }
  EXPECT_THROW(stream.Wait(), PanicError);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST_P(OrderedStreamTest, GoexitInACallbackStrandsNobody) {
  OrderedStream stream(1);
  int ran = 0;
  for (int i = 0; i < 5; ++i) {
    stream.Go([&] {
      return [&] {
        ++ran;
        Goexit();
      };
    });
  }
  stream.Wait();
  EXPECT_EQ(ran, 5);
}

TEST_P(OrderedStreamTest, LessThanOneFiberPanics) { EXPECT_THROW(OrderedStream(0), PanicError); }

}  // namespace
}  // namespace weft
