#include "weft/patterns/when.h"

#include <cstddef>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/internal/test_util.h"
#include "weft/patterns/future.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::PanicOf;
using testing::RunInFiber;

using WhenTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, WhenTest, testing::kWorkerCounts);

TEST_P(WhenTest, AllGivesTheValuesInOrder) {
  RunInFiber([] {
    std::vector<Future<int>> futures;
    for (int i = 0; i < 20; ++i) {
      futures.push_back(Async([i] {
        for (int y = 0; y < 20 - i; ++y) Gosched();
        return i;
      }));
    }
    const auto all = *WhenAll(futures).Get();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(all[i], i);
    EXPECT_TRUE(WhenAll(std::vector<Future<int>>()).Get()->empty());
  });
}

TEST_P(WhenTest, AllOfDifferentTypes) {
  RunInFiber([] {
    auto [name, size] =
        *WhenAll(Async([] { return std::string("x"); }), Async([] { return 5; })).Get();
    EXPECT_EQ(name, "x");
    EXPECT_EQ(size, 5);
    EXPECT_EQ(
        WhenAll(ReadyFuture<int>(1), ReadyFuture<int>(absl::DataLossError("lost"))).Get().status(),
        absl::DataLossError("lost"));
  });
}

TEST_P(WhenTest, AllWaitsForAllAndTheFirstFailureInTheListCounts) {
  Promise<int> a, b, c;
  Future<std::vector<int>> all = WhenAll(std::vector{a.future(), b.future(), c.future()});
  c.Set(absl::AbortedError("c"));
  b.Set(absl::AbortedError("b"));
  EXPECT_FALSE(all.done());
  a.Set(1);
  EXPECT_EQ(all.Get().status(), absl::AbortedError("b"));
}

TEST_P(WhenTest, AllHandsExceptionsOn) {
  RunInFiber([] {
    Future<int> bad = Async([]() -> int { Panic("bad"); });
    EXPECT_EQ(PanicOf([&] { (void)WhenAll(std::vector{ReadyFuture<int>(1), bad}).Get(); }), "bad");
    EXPECT_EQ(PanicOf([&] { (void)WhenAll(ReadyFuture<int>(1), bad).Get(); }), "bad");
  });
}

TEST_P(WhenTest, AnyGivesThePlaceOfTheFirst) {
  Promise<int> a, b;
  Future<size_t> first = WhenAny(std::vector{a.future(), b.future()});
  Future<size_t> same = WhenAny(a.future(), b.future());
  EXPECT_FALSE(first.done());
  b.Set(absl::AbortedError("done is done"));
  a.Set(1);
  EXPECT_EQ(*first.Get(), 1u);
  EXPECT_EQ(*same.Get(), 1u);
  EXPECT_EQ(WhenAny(std::vector<Future<int>>()).Get().status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace weft
