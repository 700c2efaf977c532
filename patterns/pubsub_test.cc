#include "weft/patterns/pubsub.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/context/context.h"
#include "weft/patterns/broker.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::AwaitSenders;
using chan_internal::Group;
using chan_internal::PanicOf;
using chan_internal::TestSeed;
using testing::Repeat;
using testing::RunInFiber;

using PubSubTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, PubSubTest, testing::kWorkerCounts);

std::vector<int> Drain(const Subscription<int>& s) {
  std::vector<int> all;
  for (int n : s.C()) all.push_back(n);
  return all;
}

std::vector<int> Buffered(const Subscription<int>& s) {
  std::vector<int> all;
  while (auto n = s.C().TryRecv()) all.push_back(*n);
  return all;
}

TEST_P(PubSubTest, EverySubscriberGetsWhatItsTopicMatches) {
  Publisher<int> p;
  auto all = p.Subscribe();
  auto a = p.Subscribe(Topic<int>::Named("a"));
  auto odd = p.Subscribe(Topic<int>::Where([](const std::string&, int n) { return n % 2 == 1; }));
  for (int n = 1; n <= 4; ++n) EXPECT_TRUE(p.Publish(Background(), n <= 2 ? "a" : "b", n).ok());
  EXPECT_TRUE(p.Close(Background()).ok());
  EXPECT_EQ(Drain(all), (std::vector<int>{1, 2, 3, 4}));
  EXPECT_EQ(Drain(a), (std::vector<int>{1, 2}));
  EXPECT_EQ(Drain(odd), (std::vector<int>{1, 3}));
}

TEST_P(PubSubTest, ASubscriptionBeginsWithTheNextPublish) {
  Publisher<int> p;
  EXPECT_TRUE(p.Publish(Background(), "", 1).ok()) << "nobody there: nothing to wait for";
  auto s = p.Subscribe();
  EXPECT_TRUE(p.Publish(Background(), "", 2).ok());
  EXPECT_EQ(Buffered(s), std::vector<int>{2});
}

TEST_P(PubSubTest, DropNewestKeepsWhatIsThere) {
  Publisher<int> p;
  auto s = p.Subscribe(Topic<int>::All(), {.buffer = 2, .when_full = WhenFull::kDropNewest});
  for (int n = 1; n <= 5; ++n) EXPECT_TRUE(p.Publish(Background(), "", n).ok());
  EXPECT_EQ(Buffered(s), (std::vector<int>{1, 2}));
  EXPECT_EQ(s.Counts().accepted, 5);
  EXPECT_EQ(s.Counts().dropped, 3);
}

TEST_P(PubSubTest, DropOldestKeepsTheLast) {
  Publisher<int> p;
  auto s = p.Subscribe(Topic<int>::All(), {.buffer = 2, .when_full = WhenFull::kDropOldest});
  for (int n = 1; n <= 5; ++n) EXPECT_TRUE(p.Publish(Background(), "", n).ok());
  EXPECT_EQ(Buffered(s), (std::vector<int>{4, 5}));
  EXPECT_EQ(s.Counts().dropped, 3);
  EXPECT_EQ(s.Counts().delivered(), 2);
}

TEST_P(PubSubTest, DropOldestNeedsABuffer) {
  Publisher<int> p;
  EXPECT_EQ(PanicOf([&] {
              (void)p.Subscribe(Topic<int>::All(),
                                {.buffer = 0, .when_full = WhenFull::kDropOldest});
            }),
            "Subscribe: kDropOldest without a buffer");
}

TEST_P(PubSubTest, TimeOutDropsAfterTheTime) {
  Publisher<int> p;
  auto s =
      p.Subscribe(Topic<int>::All(),
                  {.buffer = 1, .when_full = WhenFull::kTimeOut, .timeout = absl::Milliseconds(5)});
  EXPECT_TRUE(p.Publish(Background(), "", 1).ok());
  const absl::Time before = absl::Now();
  EXPECT_TRUE(p.Publish(Background(), "", 2).ok());
  EXPECT_GE(absl::Now() - before, absl::Milliseconds(4));
  EXPECT_EQ(Buffered(s), std::vector<int>{1});
  EXPECT_EQ(s.Counts().dropped, 1);
}

TEST_P(PubSubTest, ManySlowSubscribersAreWaitedForAtOnce) {
  Publisher<int> p;
  std::vector<Subscription<int>> slow;
  for (int i = 0; i < 10; ++i) {
    slow.push_back(
        p.Subscribe(Topic<int>::All(),
                    {.buffer = 0, .when_full = WhenFull::kTimeOut, .timeout = absl::Hours(1)}));
  }
  RunInFiber([&] {
    Group group;
    group.Go([&] { EXPECT_TRUE(p.Publish(Background(), "", 7).ok()); });
    // In the other order than they subscribed: each is offered the value without regard to those
    // before it.
    for (int i = 9; i >= 0; --i) EXPECT_EQ(slow[i].C().Recv(), 7);
    group.Wait();
  });
}

TEST_P(PubSubTest, BlockWaitsForTheSubscriber) {
  RunInFiber([] {
    Publisher<int> p;
    auto s = p.Subscribe(Topic<int>::All(), {.buffer = 0});
    Group group;
    group.Go([&] {
      for (int n = 0; n < 10; ++n) EXPECT_TRUE(p.Publish(Background(), "", n).ok());
    });
    for (int n = 0; n < 10; ++n) EXPECT_EQ(s.C().Recv(), n);
    group.Wait();
    EXPECT_EQ(s.Counts().dropped, 0);
  });
}

TEST_P(PubSubTest, TheContextEndsTheWaitAndTheValueCountsAsDropped) {
  RunInFiber([] {
    Publisher<int> p;
    auto stuck = p.Subscribe(Topic<int>::All(), {.buffer = 0});
    auto other = p.Subscribe();
    auto [ctx, cancel] = WithCancel(Background());
    Group group;
    group.Go(
        [&, ctx = ctx] { EXPECT_EQ(p.Publish(ctx, "", 1).code(), absl::StatusCode::kCancelled); });
    AwaitSenders(stuck.C(), 1);
    cancel();
    group.Wait();
    EXPECT_EQ(stuck.Counts().dropped, 1);
    EXPECT_EQ(Buffered(other), std::vector<int>{1}) << "the others have it";
  });
}

TEST_P(PubSubTest, EvictEndsTheWaitOfPublishers) {
  RunInFiber([] {
    Publisher<int> p;
    auto stuck = p.Subscribe(Topic<int>::All(), {.buffer = 0});
    Group group;
    group.Go([&] { EXPECT_TRUE(p.Publish(Background(), "", 1).ok()); });
    AwaitSenders(stuck.C(), 1);
    stuck.Evict();
    group.Wait();
    EXPECT_EQ(stuck.C().Recv(), std::nullopt);
    EXPECT_EQ(stuck.Counts().dropped, 1);
    EXPECT_EQ(p.subscribers(), 0);
  });
}

TEST_P(PubSubTest, TheEndOfASubscriptionEvictsIt) {
  Publisher<int> p;
  RecvChan<int> values;
  {
    auto s = p.Subscribe();
    values = s.C();
    EXPECT_TRUE(p.Publish(Background(), "", 1).ok());
  }
  EXPECT_EQ(p.subscribers(), 0);
  EXPECT_EQ(values.Recv(), 1) << "what was in the buffer stays";
  EXPECT_EQ(values.Recv(), std::nullopt);
}

TEST_P(PubSubTest, ASubscriptionMayOutliveItsPublisher) {
  std::optional<Subscription<int>> s;
  {
    Publisher<int> p;
    s = p.Subscribe();
    EXPECT_TRUE(p.Publish(Background(), "", 1).ok());
  }
  EXPECT_EQ(Drain(*s), std::vector<int>{1});
}

TEST_P(PubSubTest, AfterCloseNothingIsAccepted) {
  Publisher<int> p;
  EXPECT_TRUE(p.Close(Background()).ok());
  EXPECT_TRUE(p.Close(Background()).ok()) << "often";
  EXPECT_EQ(p.Publish(Background(), "", 1).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(p.Subscribe().C().Recv(), std::nullopt);
}

TEST_P(PubSubTest, CloseWaitsForPublishersThatAreInside) {
  RunInFiber([] {
    Publisher<int> p;
    auto s = p.Subscribe(Topic<int>::Named("news"), {.buffer = 0});
    Group group;
    group.Go([&] { EXPECT_TRUE(p.Publish(Background(), "news", 1).ok()); });
    AwaitSenders(s.C(), 1);
    group.Go([&] { EXPECT_TRUE(p.Close(Background()).ok()); });
    while (p.Publish(Background(), "other", 0).ok()) Gosched();  // until Close() has begun
    EXPECT_EQ(Drain(s), std::vector<int>{1});
    group.Wait();
    EXPECT_EQ(s.Counts().dropped, 0);
  });
}

TEST_P(PubSubTest, TheContextOfCloseEndsItsPatience) {
  RunInFiber([] {
    Publisher<int> p;
    auto s = p.Subscribe(Topic<int>::All(), {.buffer = 0});
    Group group;
    group.Go([&] { EXPECT_TRUE(p.Publish(Background(), "", 1).ok()); });
    AwaitSenders(s.C(), 1);
    auto [ctx, cancel] = WithCancel(Background());
    cancel();
    EXPECT_EQ(p.Close(ctx).code(), absl::StatusCode::kCancelled);
    group.Wait();
    EXPECT_EQ(s.Counts().dropped, 1);
  });
}

TEST_P(PubSubTest, APredicateThatThrowsLeavesThePublisherUsable) {
  Publisher<int> p;
  auto before = p.Subscribe();
  {
    auto s =
        p.Subscribe(Topic<int>::Where([](const std::string&, int) -> bool { Panic("predicate"); }));
    EXPECT_EQ(PanicOf([&] { (void)p.Publish(Background(), "", 1); }), "predicate");
  }
  EXPECT_TRUE(p.Publish(Background(), "", 2).ok());
  EXPECT_TRUE(p.Close(Background()).ok());
  EXPECT_EQ(Drain(before), std::vector<int>{2}) << "nobody got the value";
}

// The books balance for every policy: what was accepted was received or counted as dropped, in the
// publishers' order, while publishers, slow subscribers, evictions and the close race.
TEST_P(PubSubTest, AcceptedIsReceivedPlusDropped) {
  struct Reader {
    std::optional<Subscription<int>> subscription;
    int64_t received = 0;
    bool in_order = true;
  };
  std::mt19937_64 random(TestSeed());
  for (int round = Repeat(30); round > 0; --round) {
    constexpr int kPublishers = 3, kValues = 60;
    Publisher<int> p;
    std::vector<std::unique_ptr<Reader>> readers;
    Group group;
    for (int i = 0; i < 8; ++i) {
      auto reader = std::make_unique<Reader>();
      const auto policy = static_cast<WhenFull>(i % 4);
      reader->subscription = p.Subscribe(
          Topic<int>::Where(
              [mod = random() % 3 + 1](const std::string&, int n) { return n % mod == 0; }),
          {.buffer = static_cast<int64_t>(random() % 4 + (policy == WhenFull::kDropOldest)),
           .when_full = policy,
           .timeout = absl::Microseconds(static_cast<int64_t>(random() % 50))});
      const int laziness = random() % 4, evict_after = random() % 3 == 0 ? random() % 20 : 1 << 20;
      group.Go([r = reader.get(), laziness, evict_after] {
        int last[kPublishers] = {-1, -1, -1};
        for (int n : r->subscription->C()) {
          int& previous = last[n / kValues];
          r->in_order &= previous < n;
          previous = n;
          if (++r->received == evict_after) r->subscription->Evict();
          for (int y = 0; y < laziness; ++y) Gosched();
        }
      });
      readers.push_back(std::move(reader));
    }
    std::atomic<int> refused{0};
    Group publishers;
    for (int i = 0; i < kPublishers; ++i) {
      publishers.Go([&, i] {
        for (int n = 0; n < kValues; ++n)
          refused += !p.Publish(Background(), "", i * kValues + n).ok();
      });
    }
    if (round % 2 == 0) publishers.Wait();
    EXPECT_TRUE(p.Close(Background()).ok());
    publishers.Wait();
    group.Wait();
    if (round % 2 == 0) {
      EXPECT_EQ(refused, 0) << "all were inside before Close()";
    }
    for (const auto& r : readers) {
      EXPECT_EQ(r->received, r->subscription->Counts().delivered());
      EXPECT_TRUE(r->in_order);
    }
  }
}

}  // namespace
}  // namespace weft
