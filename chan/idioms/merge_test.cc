#include "weft/chan/idioms/merge.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using testing::Repeat;

using MergeTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, MergeTest, testing::kWorkerCounts);

// first, first + step, … below `end`, and then closed.
RecvChan<int> Count(int first, int step, int end) {
  auto c = MakeChan<int>();
  Go([=] {
    for (int i = first; i < end; i += step) c.Send(i);
    c.Close();
  });
  return c;
}

TEST_P(MergeTest, EverythingArrivesOnceAndInTheOrderOfItsSource) {
  for (int sources : {1, 2, 7, 50}) {
    const int end = Repeat(5000);
    std::vector<RecvChan<int>> c;
    for (int s = 0; s < sources; ++s) c.push_back(Count(s, sources, end));
    std::vector<int> last(sources, -1), seen(end);
    for (int v : Merge(c)) {
      ++seen[v];
      EXPECT_GT(v, std::exchange(last[v % sources], v));
    }
    for (int count : seen) ASSERT_EQ(count, 1);
  }
}

TEST_P(MergeTest, EndsAtOnceWithoutSources) {
  EXPECT_EQ(Merge(std::vector<RecvChan<int>>()).Recv(), std::nullopt);
  EXPECT_EQ(Merge(RecvChan<int>(), Chan<int>()).Recv(), std::nullopt);
}

TEST_P(MergeTest, OneSlowSourceDoesNotHoldUpTheOthers) {
  auto slow = MakeChan<int>();
  RecvChan<int> merged = Merge(slow, Count(0, 1, 100));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(merged.Recv(), i);
  slow.Send(-1);
  EXPECT_EQ(merged.Recv(), -1);
  slow.Close();
  EXPECT_EQ(merged.Recv(), std::nullopt);
}

TEST_P(MergeTest, MovesElementsThatCannotBeCopied) {
  auto a = MakeChan<std::unique_ptr<int>>(1);
  a.Send(std::make_unique<int>(5));
  a.Close();
  EXPECT_EQ(**Merge(a).Recv(), 5);
}

// Neither the sources, which are never closed, nor the receiver, which has gone, keep the fibers.
TEST_P(MergeTest, QuitEndsAllFibers) {
  for (int round = 0; round < Repeat(100); ++round) {
    auto quit = MakeChan<Empty>();
    std::vector<RecvChan<int>> sources;
    for (int i = 0; i < 4; ++i) {
      auto c = MakeChan<int>(round % 3);
      for (int k = 0; k < round % 3; ++k) c.Send(k);
      sources.push_back(c);
    }
    RecvChan<int> merged = Merge(sources, quit);
    for (int i = 0; i < round % 3; ++i) EXPECT_TRUE(merged.Recv().has_value());
    quit.Close();
    while (merged.Recv()) {
    }
    EXPECT_TRUE(testing::WaitForNoFibers());
  }
}

}  // namespace
}  // namespace weft
