#include "weft/patterns/fan.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::AwaitSenders;
using chan_internal::Group;
using chan_internal::PanicOf;

using FanTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, FanTest, testing::kWorkerCounts);

RecvChan<int> Count(int from, int to) {
  auto c = MakeChan<int>();
  Go([=] {
    for (int i = from; i < to; ++i) c.Send(i);
    c.Close();
  });
  return c;
}

std::vector<int> Collect(const RecvChan<int>& c) {
  std::vector<int> all;
  for (int n : c) all.push_back(n);
  return all;
}

TEST_P(FanTest, FanInGivesEverythingOnceAndKeepsTheOrderOfEachSource) {
  std::vector<int> all =
      Collect(FanIn<int>(Background(), {Count(0, 50), Count(100, 150), Count(200, 250)}));
  EXPECT_EQ(all.size(), 150u);
  std::stable_sort(all.begin(), all.end(), [](int a, int b) { return a / 100 < b / 100; });
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
}

TEST_P(FanTest, FanInOfNothingIsClosed) {
  EXPECT_EQ(FanIn<int>(Background(), {}).Recv(), std::nullopt);
}

// The fixture finds fibers that stay.
TEST_P(FanTest, TheContextEndsFanInWhateverItWaitsFor) {
  auto [ctx, cancel] = WithCancel(Background());
  auto silent = MakeChan<int>(), full = MakeChan<int>(1);
  full.Send(1);
  auto merged = FanIn<int>(ctx, {silent, full});
  AwaitSenders(merged, 1);
  cancel();
  while (merged.Recv()) {
  }
}

TEST_P(FanTest, FanOutDealsInTurn) {
  auto outs = FanOut<int>(Background(), Count(0, 9), 3);
  std::vector<std::vector<int>> got(3);
  Group group;
  for (int i = 0; i < 3; ++i) group.Go([&, i] { got[i] = Collect(outs[i]); });
  group.Wait();
  EXPECT_EQ(got[0], (std::vector<int>{0, 3, 6}));
  EXPECT_EQ(got[2], (std::vector<int>{2, 5, 8}));
}

TEST_P(FanTest, AKeyAlwaysGoesTheSameWayInOrder) {
  auto outs =
      FanOut<int>(Background(), Count(0, 200), 4, [](int n) { return std::to_string(n % 10); });
  std::vector<std::vector<int>> got(4);
  Group group;
  for (int i = 0; i < 4; ++i) group.Go([&, i] { got[i] = Collect(outs[i]); });
  group.Wait();
  std::map<int, int> way_of_key;
  size_t total = 0;
  for (int i = 0; i < 4; ++i) {
    total += got[i].size();
    EXPECT_TRUE(std::is_sorted(got[i].begin(), got[i].end()));
    for (int n : got[i]) EXPECT_EQ(way_of_key.try_emplace(n % 10, i).first->second, i);
  }
  EXPECT_EQ(total, 200u);
}

TEST_P(FanTest, CopiesGoEverywhere) {
  auto outs = FanOutCopies<int>(Background(), Count(0, 20), 3);
  std::vector<std::vector<int>> got(3);
  Group group;
  for (int i = 0; i < 3; ++i) group.Go([&, i] { got[i] = Collect(outs[i]); });
  group.Wait();
  for (const auto& g : got) EXPECT_EQ(g, Collect(Count(0, 20)));
}

TEST_P(FanTest, TheContextEndsFanOut) {
  auto [ctx, cancel] = WithCancel(Background());
  auto source = MakeChan<int>(8);
  source.Send(1);
  auto one = FanOut<int>(ctx, source, 1);
  AwaitSenders(one[0], 1);
  auto copies = FanOutCopies<int>(ctx, source, 2);
  source.Send(2);
  AwaitSenders(copies[1], 1);
  cancel();
  for (const auto& c : {one[0], copies[0], copies[1]}) {
    while (c.Recv()) {
    }
  }
}

TEST_P(FanTest, NoOutputsPanic) {
  EXPECT_EQ(PanicOf([] { FanOut<int>(Background(), nullptr, 0); }), "FanOut: no outputs");
}

}  // namespace
}  // namespace weft
