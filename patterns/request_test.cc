#include "weft/patterns/request.h"

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <utility>
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
using testing::RunInFiber;

using RequestTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, RequestTest, testing::kWorkerCounts);

TEST_P(RequestTest, EveryCallGetsTheAnswerToItsOwnQuestion) {
  RunInFiber([] {
    Service<int, int> squares;
    Group server, callers;
    server.Go([=] { EXPECT_TRUE(squares.Serve(Background(), [](int n) { return n * n; }).ok()); });
    for (int c = 0; c < 8; ++c) {
      callers.Go([=] {
        for (int i = 0; i < 50; ++i)
          EXPECT_EQ(*squares.Call(Background(), c * 50 + i), (c * 50 + i) * (c * 50 + i));
      });
    }
    callers.Wait();
    squares.Close();
    server.Wait();
  });
}

TEST_P(RequestTest, TheServersStateNeedsNoLock) {
  RunInFiber([] {
    Service<std::string, int> counts;
    Group server, callers;
    server.Go([=] {
      std::map<std::string, int> seen;
      (void)counts.Serve(Background(), [&](const std::string& word) { return ++seen[word]; });
    });
    for (int c = 0; c < 10; ++c) {
      callers.Go([=] { EXPECT_TRUE(counts.Call(Background(), "golang").ok()); });
    }
    callers.Wait();
    EXPECT_EQ(*counts.Call(Background(), "golang"), 11);
    counts.Close();
    server.Wait();
  });
}

TEST_P(RequestTest, TheServerMayAnswerWithAnError) {
  RunInFiber([] {
    Service<int, int> halves;
    Group server;
    server.Go([=] {
      (void)halves.Serve(Background(), [](int n, const Context&) -> absl::StatusOr<int> {
        if (n % 2 == 1) return absl::InvalidArgumentError("odd");
        return n / 2;
      });
    });
    EXPECT_EQ(*halves.Call(Background(), 4), 2);
    EXPECT_EQ(halves.Call(Background(), 3).status(), absl::InvalidArgumentError("odd"));
    halves.Close();
    server.Wait();
  });
}

TEST_P(RequestTest, ACallAfterCloseFails) {
  Service<int, int> s;
  s.Close();
  EXPECT_EQ(s.Call(Background(), 1).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(RequestTest, ARequestThatIsDroppedAnswersByItself) {
  RunInFiber([] {
    Service<int, int> s;
    Group group;
    group.Go(
        [=] { EXPECT_EQ(s.Call(Background(), 1).status().code(), absl::StatusCode::kAborted); });
    s.C().Recv();
    group.Wait();
  });
}

TEST_P(RequestTest, AnswersMayComeInAnotherOrderAndFromElsewhere) {
  RunInFiber([] {
    Service<int, int> s;
    Group callers;
    for (int i = 0; i < 3; ++i) callers.Go([=] { EXPECT_EQ(*s.Call(Background(), i), -i); });
    std::vector<Service<int, int>::RequestType> held;
    while (held.size() < 3) held.push_back(*s.C().Recv());
    for (int i = 2; i >= 0; --i) {
      Go([r = std::move(held[i])]() mutable { r.Reply(-r.question()); });
    }
    callers.Wait();
  });
}

TEST_P(RequestTest, TheCallersContextEndsItsWaitAndTheServerSkipsIt) {
  RunInFiber([] {
    Service<int, int> s(1);
    auto [ctx, cancel] = WithCancel(Background());
    Group group;
    group.Go([s, ctx = ctx] {
      EXPECT_EQ(s.Call(ctx, 1).status().code(), absl::StatusCode::kCancelled);
    });
    while (s.C().len() == 0) Gosched();
    cancel();
    group.Wait();
    s.Close();
    EXPECT_TRUE(s.Serve(Background(), [](int) {
                   ADD_FAILURE() << "nobody waits for it";
                   return 0;
                 }).ok());
  });
}

TEST_P(RequestTest, TheServersContextEndsIt) {
  auto [ctx, cancel] = WithCancel(Background());
  cancel();
  Service<int, int> s;
  EXPECT_EQ(s.Serve(ctx, [](int) { return 0; }).code(), absl::StatusCode::kCancelled);
}

TEST_P(RequestTest, ASecondReplyPanics) {
  auto reply = MakeChan<absl::StatusOr<int>>(1);
  Request<int, int> r(1, Background(), reply);
  r.Reply(2);
  EXPECT_EQ(PanicOf([&] { r.Reply(3); }), "Request: second reply");
}

}  // namespace
}  // namespace weft
