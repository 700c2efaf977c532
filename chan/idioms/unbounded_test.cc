#include "weft/chan/idioms/unbounded.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/chan/select.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using chan_internal::PanicOf;
using testing::Repeat;

using UnboundedTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, UnboundedTest, testing::kWorkerCounts);

// Nobody receives before all is sent: a send that waited for a receiver would never end.
TEST_P(UnboundedTest, SendsDoNotWaitForReceiversAndKeepTheirOrder) {
  const int n = Repeat(20'000);
  UnboundedChan<int> c;
  for (int i = 0; i < n; ++i) c.Send(i);
  c.Close();
  int next = 0;
  for (int v : c.out()) ASSERT_EQ(v, next++);
  EXPECT_EQ(next, n);
}

TEST_P(UnboundedTest, EndsAtOnceWhenClosedAndEmpty) {
  UnboundedChan<int> c;
  c.Close();
  EXPECT_EQ(c.out().Recv(), std::nullopt);
  EXPECT_EQ(PanicOf([&] { c.Send(1); }), "send on closed channel");
  EXPECT_EQ(PanicOf([&] { c.Close(); }), "close of closed channel");
}

TEST_P(UnboundedTest, ManySendersAndReceiversLoseNothing) {
  constexpr int kSenders = 4;
  const int each = Repeat(2000);
  UnboundedChan<std::unique_ptr<int>> c;
  std::vector<std::vector<int>> got(3);
  Group sending, receiving;
  for (int s = 0; s < kSenders; ++s) {
    sending.Go([c, s, each] {
      for (int i = 0; i < each; ++i) c.Send(std::make_unique<int>(i * kSenders + s));
    });
  }
  for (auto& mine : got) {
    receiving.Go([c, &mine] {
      for (auto&& v : c.out()) mine.push_back(*v);
    });
  }
  sending.Wait();
  c.Close();
  receiving.Wait();
  std::vector<int> seen(kSenders * each);
  for (const auto& mine : got) {
    std::vector<int> last(kSenders, -1);
    for (int v : mine) {
      ++seen[v];
      EXPECT_GT(v, std::exchange(last[v % kSenders], v)) << "a sender's values came out of order";
    }
  }
  for (int count : seen) ASSERT_EQ(count, 1);
}

TEST_P(UnboundedTest, QuitDropsTheQueueAndClosesTheReceivingEnd) {
  auto quit = MakeChan<Empty>();
  auto held = std::make_shared<int>(0);
  UnboundedChan<std::shared_ptr<int>> c(quit);
  for (int i = 0; i < 10; ++i) c.Send(held);
  EXPECT_TRUE(c.out().Recv().has_value());
  quit.Close();
  // What a select may still have preferred, and then the end.
  while (c.out().Recv()) {
  }
  EXPECT_TRUE(testing::WaitForNoFibers());
  EXPECT_EQ(held.use_count(), 1);
}

TEST_P(UnboundedTest, TheEndsStandInSelects) {
  UnboundedChan<std::string> c;
  EXPECT_EQ(Select(OnRecv(c.out()), OnSend(c.in(), std::string("a"))), 1);
  std::optional<std::string> got;
  EXPECT_EQ(Select(OnRecv(c.out(), &got), OnRecv(Chan<int>())), 0);
  EXPECT_EQ(got, "a");
  c.Close();
}

}  // namespace
}  // namespace weft
