#include "weft/chan/idioms/generate.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/chan/select.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using testing::Repeat;

using GenerateTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, GenerateTest, testing::kWorkerCounts);

auto Naturals() {
  return Generate<int>([](const auto& yield) {
    for (int i = 0; yield(i); ++i) {
    }
  });
}

TEST_P(GenerateTest, GivesTheValuesInOrderAndThenEnds) {
  auto three = Generate<int>([](const auto& yield) { (void)(yield(1) && yield(2) && yield(3)); });
  int next = 1;
  for (int v : three) EXPECT_EQ(v, next++);
  EXPECT_EQ(next, 4);
  EXPECT_EQ(three.Recv(), std::nullopt);
}

// The fixture finds the fibers of generators that do not end.
TEST_P(GenerateTest, LeavingTheLoopEndsTheFunction) {
  for (int round = 0; round < Repeat(200); ++round) {
    int next = 0;
    for (auto naturals = Naturals(); int v : naturals) {
      ASSERT_EQ(v, next++);
      if (v == round % 10) break;
    }
  }
}

TEST_P(GenerateTest, OneThatIsNeverReceivedFromEnds) {
  for (int round = 0; round < Repeat(200); ++round) auto naturals = Naturals();
}

TEST_P(GenerateTest, AMovedGeneratorGoesOn) {
  auto a = Naturals();
  EXPECT_EQ(a.Recv(), 0);
  auto b = std::move(a);
  EXPECT_EQ(b.Recv(), 1);
}

TEST_P(GenerateTest, ComputesNoFurtherThanItIsAskedTo) {
  std::atomic<int> computed{0};
  auto g = Generate<int>([&computed](const auto& yield) {
    while (yield(++computed)) {
    }
  });
  for (int i = 1; i <= 100; ++i) {
    EXPECT_EQ(g.Recv(), i);
    EXPECT_LE(computed, i + 1);
  }
  // `computed` must outlive the function.
  { auto ends = std::move(g); }
  EXPECT_TRUE(testing::WaitForNoFibers());
}

TEST_P(GenerateTest, OneQuitEndsMany) {
  auto quit = MakeChan<Empty>();
  auto ones = [](const Yield<int>& yield) {
    while (yield(1)) {
    }
    EXPECT_FALSE(yield(1)) << "no is no";
  };
  RecvChan<int> a = Generate<int>(ones, quit), b = Generate<int>(ones, quit);
  EXPECT_EQ(*a.Recv() + *b.Recv(), 2);
  quit.Close();
  while (a.Recv() || b.Recv()) {
  }
}

TEST_P(GenerateTest, AFunctionThatWaitsForSomethingElseSeesQuitToo) {
  auto never = MakeChan<int>();
  auto g = Generate<std::unique_ptr<int>>([never](const auto& yield) {
    yield(std::make_unique<int>(1));
    Select(OnRecv(never), OnRecv(yield.quit()));
  });
  EXPECT_EQ(**g.Recv(), 1);
}

TEST_P(GenerateTest, ManyReceiversShareTheValues) {
  const int n = Repeat(2000);
  auto g = Generate<int>([n](const auto& yield) {
    for (int i = 1; i <= n && yield(i); ++i) {
    }
  });
  std::atomic<int64_t> sum{0};
  Group fibers;
  for (int i = 0; i < 4; ++i) {
    fibers.Go([&] {
      for (int v : g) sum += v;
    });
  }
  fibers.Wait();
  EXPECT_EQ(sum, int64_t{n} * (n + 1) / 2);
}

}  // namespace
}  // namespace weft
