#include "weft/patterns/broadcast.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/internal/test_util.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using chan_internal::PanicOf;
using testing::Repeat;
using testing::RunInFiber;

using BroadcastTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, BroadcastTest, testing::kWorkerCounts);

TEST_P(BroadcastTest, EveryReceiverGetsEveryValue) {
  Broadcast<int> b(4);
  auto first = b.Subscribe(), second = b.Subscribe();
  for (int n = 1; n <= 3; ++n) EXPECT_TRUE(b.Send(n));
  for (int n = 1; n <= 3; ++n) {
    EXPECT_EQ(*first.Recv(Background()), n);
    EXPECT_EQ(*second.Recv(Background()), n);
  }
}

TEST_P(BroadcastTest, AReceiverBeginsWithTheNextValueAndACopyWhereTheOriginalIs) {
  Broadcast<int> b(4);
  b.Send(1);
  auto r = b.Subscribe();
  b.Send(2);
  b.Send(3);
  EXPECT_EQ(*r.Recv(Background()), 2);
  auto copy = r;
  EXPECT_EQ(*r.Recv(Background()), 3);
  EXPECT_EQ(*copy.Recv(Background()), 3);
}

TEST_P(BroadcastTest, WhoFallsBehindIsToldHowMuchItMissed) {
  Broadcast<int> b(3);
  auto r = b.Subscribe();
  for (int n = 1; n <= 10; ++n) b.Send(n);
  EXPECT_EQ(r.Recv(Background()).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(r.missed(), 7);
  for (int n = 8; n <= 10; ++n) EXPECT_EQ(*r.Recv(Background()), n);
}

TEST_P(BroadcastTest, TheEndComesAfterWhatIsKept) {
  Broadcast<int> b(4);
  auto r = b.Subscribe();
  b.Send(1);
  b.Close();
  EXPECT_FALSE(b.Send(2));
  EXPECT_EQ(*r.Recv(Background()), 1);
  EXPECT_EQ(r.Recv(Background()).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(b.Subscribe().Recv(Background()).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_P(BroadcastTest, AReceiverMayOutliveTheBroadcast) {
  auto b = std::make_optional<Broadcast<int>>(4);
  auto r = b->Subscribe();
  b->Send(1);
  b.reset();
  EXPECT_EQ(*r.Recv(Background()), 1);
  EXPECT_EQ(r.Recv(Background()).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_P(BroadcastTest, TheContextEndsTheWait) {
  RunInFiber([] {
    Broadcast<int> b(1);
    auto [ctx, cancel] = WithCancel(Background());
    Group group;
    group.Go([r = b.Subscribe(), ctx = ctx]() mutable {
      EXPECT_EQ(r.Recv(ctx).status().code(), absl::StatusCode::kCancelled);
    });
    Gosched();
    cancel();
    group.Wait();
  });
}

TEST_P(BroadcastTest, NoCapacityPanics) {
  EXPECT_EQ(PanicOf([] { Broadcast<int> b(0); }), "Broadcast: no capacity");
}

// All receivers see one order; what each has received and missed makes up all that was sent.
TEST_P(BroadcastTest, ReceivedPlusMissedIsSent) {
  for (int round = Repeat(40); round > 0; --round) {
    constexpr int kSenders = 3, kEach = 100;
    Broadcast<int> b(1 + round % 17);
    std::vector<std::vector<int>> seen(5);
    Group receivers, senders;
    for (size_t i = 0; i < seen.size(); ++i) {
      receivers.Go([&seen, i, r = b.Subscribe()]() mutable {
        for (;;) {
          auto value = r.Recv(Background());
          if (value.ok()) seen[i].push_back(*value);
          if (absl::IsOutOfRange(value.status())) break;
          for (size_t y = 0; y < i; ++y) Gosched();
        }
        EXPECT_EQ(static_cast<int64_t>(seen[i].size()) + r.missed(), kSenders * kEach);
      });
    }
    for (int s = 0; s < kSenders; ++s) {
      senders.Go([&, s] {
        for (int n = 0; n < kEach; ++n) b.Send(s * kEach + n);
      });
    }
    senders.Wait();
    b.Close();
    receivers.Wait();
    for (const auto& values : seen) {
      int last[kSenders] = {-1, -1, -1};
      for (int v : values) {
        EXPECT_LT(last[v / kEach], v);
        last[v / kEach] = v;
      }
    }
  }
}

}  // namespace
}  // namespace weft
