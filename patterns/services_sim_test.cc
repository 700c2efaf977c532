// What groups, flights, publishers, breakers and those who shut down promise, in many orders: each
// body runs under 200 seeds, in virtual time.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/patterns/broker.h"
#include "weft/patterns/circuit_breaker.h"
#include "weft/patterns/errgroup.h"
#include "weft/patterns/graceful.h"
#include "weft/patterns/pubsub.h"
#include "weft/patterns/queue.h"
#include "weft/patterns/safe_close.h"
#include "weft/patterns/singleflight.h"
#include "weft/patterns/supervisor.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/sim_gtest.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

// The error that comes out is the one that cancelled the others.
SIM_TEST(ErrGroupSim, TheFirstErrorCancelsAndComesOut) {
  ErrGroup group(Background());
  group.SetLimit(2);
  for (int i = 0; i < 3; ++i) {
    group.Go([&group, i]() -> absl::Status {
      Gosched();
      if (i == 2) {
        group.context().Done().Recv();
        return group.context().Err();
      }
      return absl::DataLossError(std::to_string(i));
    });
  }
  const absl::Status s = group.Wait();
  EXPECT_TRUE(absl::IsDataLoss(s)) << s;
  EXPECT_EQ(s, Cause(group.context()));
}

SIM_TEST(ErrGroupSim, TryGoStartsNoMoreThanTheLimit) {
  ErrGroup group;
  group.SetLimit(1);
  int inside = 0, ran = 0, started = 0;
  for (int i = 0; i < 3; ++i) {
    started += group.TryGo([&] {
      EXPECT_EQ(++inside, 1);
      Gosched();
      --inside;
      ++ran;
      return absl::OkStatus();
    });
    Gosched();
  }
  EXPECT_TRUE(group.Wait().ok());
  EXPECT_GE(started, 1);
  EXPECT_EQ(ran, started);
}

// Who comes while a call is under way shares it; who comes later makes one.
SIM_TEST(SingleFlightSim, ConcurrentCallsShareOne) {
  SingleFlight<int, int> flights;
  int under_way = 0, calls = 0, shared = 0;
  WaitGroup askers;
  for (int i = 0; i < 3; ++i) {
    askers.Go([&] {
      const auto result = flights.Do(1, [&]() -> absl::StatusOr<int> {
        EXPECT_EQ(++under_way, 1);
        Gosched();
        --under_way;
        return ++calls;
      });
      EXPECT_TRUE(result.value.ok() && *result.value >= 1 && *result.value <= calls);
      shared += result.shared;
    });
  }
  askers.Wait();
  EXPECT_EQ(calls == 3, shared == 0);
  EXPECT_NE(shared, 1) << "nobody shares alone";
}

// One that gives up, and one that is forgotten, take nothing away from the others.
SIM_TEST(SingleFlightSim, GivingUpAndForgettingBesideACall) {
  SingleFlight<int, int> flights;
  auto [ctx, cancel] = WithCancel(Background());
  WaitGroup askers;
  const auto one = []() -> absl::StatusOr<int> {
    Sleep(absl::Seconds(1));
    return 1;
  };
  askers.Go([&, ctx = ctx] {
    const auto result = flights.Do(ctx, 1, one);
    EXPECT_TRUE(result.value.ok() || absl::IsCancelled(result.value.status()));
  });
  askers.Go([&, cancel = cancel] { cancel(); });
  askers.Go([&] { flights.Forget(1); });
  askers.Go([&] { EXPECT_EQ(*flights.Do(1, one).value, 1); });
  askers.Go([&] { EXPECT_EQ(*flights.DoChan(1, one).Recv()->value, 1); });
  askers.Wait();
  Sleep(absl::Seconds(3));  // calls that nobody waits for end too
}

// What Publish() has returned OK for is delivered, or counted as dropped; also what a subscriber
// that is evicted had in its buffer.
void NothingIsLost(WhenFull when_full) {
  Publisher<int> publisher;
  auto fast = publisher.Subscribe(Topic<int>::All(), {.buffer = 8});
  auto slow = publisher.Subscribe(
      Topic<int>::All(), {.buffer = 1, .when_full = when_full, .timeout = absl::Seconds(1)});
  int published = 0;
  std::vector<int> fast_got, slow_got;
  WaitGroup readers, publishers;
  readers.Go([&] {
    for (int n : fast.C()) fast_got.push_back(n);
  });
  readers.Go([&] {
    for (int n : slow.C()) {
      slow_got.push_back(n);
      Sleep(absl::Milliseconds(600));
    }
  });
  for (int i = 0; i < 2; ++i) {
    publishers.Go([&, i] {
      for (int j = 0; j < 2; ++j) {
        published += publisher.Publish(Background(), "t", 2 * i + j).ok();
      }
    });
  }
  publishers.Wait();
  EXPECT_TRUE(publisher.Close(Background()).ok());
  readers.Wait();
  EXPECT_EQ(published, 4);
  EXPECT_EQ(fast_got.size(), 4u);
  const SubscriberCounts counts = slow.Counts();
  EXPECT_EQ(counts.accepted, 4);
  EXPECT_EQ(static_cast<int64_t>(slow_got.size()), counts.accepted - counts.dropped);
  EXPECT_TRUE(when_full != WhenFull::kBlock || counts.dropped == 0);
}

SIM_TEST(PubSubSim, ASlowSubscriberThatIsWaitedForGetsAll) { NothingIsLost(WhenFull::kBlock); }
SIM_TEST(PubSubSim, TimeOutsAreCounted) { NothingIsLost(WhenFull::kTimeOut); }
SIM_TEST(PubSubSim, NewOnesThatAreDroppedAreCounted) { NothingIsLost(WhenFull::kDropNewest); }
SIM_TEST(PubSubSim, OldOnesThatAreDroppedAreCounted) { NothingIsLost(WhenFull::kDropOldest); }

SIM_TEST(PubSubSim, EvictAndCloseBesideAPublishThatWaits) {
  Publisher<int> publisher;
  auto stuck = publisher.Subscribe(Topic<int>::All(), {.buffer = 0});
  WaitGroup others;
  others.Go([&] {
    const absl::Status s = publisher.Publish(Background(), "t", 1);
    EXPECT_TRUE(s.ok() || absl::IsFailedPrecondition(s)) << s;
  });
  others.Go([&] { stuck.Evict(); });
  others.Go([&] { EXPECT_TRUE(publisher.Close(Background()).ok()); });
  others.Wait();
  EXPECT_EQ(publisher.subscribers(), 0);
}

SIM_TEST(QueueSim, WhatWasPushedComesOutOnceAlsoAfterClose) {
  Queue<int> queue;
  int pushed = 0, popped = 0;
  WaitGroup all;
  for (int i = 0; i < 2; ++i) {
    all.Go([&] {
      for (int j = 0; j < 2; ++j) pushed += queue.Push(j);
    });
    all.Go([&] {
      while (queue.Pop(Background()).ok()) ++popped;
    });
  }
  all.Go([&] { queue.Close(); });
  all.Wait();
  EXPECT_EQ(popped, pushed);
}

SIM_TEST(SafeCloseSim, ASendSucceedsOrLearnsOfTheEnd) {
  ClosableChan<int> chan(1);
  int sent = 0, received = 0;
  WaitGroup all;
  for (int i = 0; i < 2; ++i) {
    all.Go([&] {
      for (int j = 0; j < 2; ++j) sent += chan.Send(Background(), j).ok();
    });
  }
  all.Go([&] {
    for (int n : chan.C()) {
      (void)n;
      ++received;
    }
  });
  all.Go([&] { chan.Close(); });
  all.Wait();
  EXPECT_EQ(received, sent);
}

// While it is half open, one request at a time passes; its success closes the breaker.
SIM_TEST(BreakerSim, HalfOpenLetsOneThrough) {
  CircuitBreaker breaker({.timeout = absl::Seconds(60)});
  const auto fail = [](const Context&) { return absl::UnavailableError("down"); };
  while (breaker.State() == BreakerState::kClosed) {
    EXPECT_FALSE(breaker.Execute(Background(), fail).ok());
  }
  Sleep(absl::Seconds(61));
  int inside = 0, passed = 0, refused = 0;
  WaitGroup requests;
  for (int i = 0; i < 3; ++i) {
    requests.Go([&] {
      const absl::Status s = breaker.Execute(Background(), [&](const Context&) {
        EXPECT_TRUE(breaker.State() == BreakerState::kClosed || inside == 0);
        ++inside;
        Gosched();
        --inside;
        return absl::OkStatus();
      });
      s.ok() ? ++passed : ++refused;
    });
  }
  requests.Wait();
  EXPECT_GE(passed, 1);
  EXPECT_EQ(passed + refused, 3);
  EXPECT_EQ(breaker.State(), BreakerState::kClosed);
}

SIM_TEST(GracefulSim, StepsRunOnceInTheOppositeOrderWhoeverAsks) {
  GracefulShutdown shutdown;
  std::string order;
  shutdown.Add("a", [&](const Context&) {
    order += 'a';
    return absl::OkStatus();
  });
  shutdown.Add("slow", absl::Seconds(1), [&](const Context& ctx) {
    order += 's';
    ctx.Done().Recv();
    return ctx.Err();
  });
  bool added = false;
  WaitGroup all;
  for (int i = 0; i < 2; ++i) {
    all.Go([&] { EXPECT_TRUE(absl::IsDeadlineExceeded(shutdown.Run(Background()))); });
  }
  all.Go([&] {
    added = shutdown.Add("late", [&](const Context&) {
      order += 'l';
      return absl::OkStatus();
    });
  });
  all.Wait();
  EXPECT_EQ(order, added ? "lsa" : "sa");
}

// However its end and the child's fall together, no child outlives the supervisor.
SIM_TEST(SupervisorSim, CancelBesideAChildThatEnds) {
  int alive = 0, starts = 0;
  Supervisor supervisor({.strategy = Strategy::kOneForAll, .max_restarts = 1000});
  for (const char* name : {"steady", "shaky"}) {
    const bool shaky = name == std::string("shaky");
    supervisor.Add({.name = name, .run = [&, shaky](const Context& ctx) -> absl::Status {
                      ++alive;
                      ++starts;
                      if (shaky) {
                        Gosched();
                      } else {
                        ctx.Done().Recv();
                      }
                      --alive;
                      return shaky ? absl::UnavailableError("shaky") : ctx.Err();
                    }});
  }
  auto [ctx, cancel] = WithCancel(Background());
  WaitGroup all;
  all.Go([&, ctx = ctx] { EXPECT_TRUE(absl::IsCancelled(supervisor.Run(ctx))); });
  all.Go([&, cancel = cancel] {
    while (starts < 4) Gosched();
    cancel();
  });
  all.Wait();
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace weft
