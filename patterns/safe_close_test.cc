#include "weft/patterns/safe_close.h"

#include <atomic>
#include <cstdint>
#include <utility>

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
using testing::Repeat;
using testing::RunInFiber;

using SafeCloseTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, SafeCloseTest, testing::kWorkerCounts);

TEST_P(SafeCloseTest, TheEndOfTheOnlySenderClosesTheChannel) {
  auto [sender, numbers] = MakeSender<int>();
  Go([sender = std::move(sender)] {
    for (int i = 0; i < 3; ++i) sender.Send(i);
  });
  int next = 0;
  for (int n : numbers) EXPECT_EQ(n, next++);
  EXPECT_EQ(next, 3);
}

TEST_P(SafeCloseTest, TheLastOfManySendersClosesTheChannel) {
  for (int round = Repeat(50); round > 0; --round) {
    auto [sender, numbers] = MakeSender<int>(2);
    for (int w = 0; w < 8; ++w) {
      Go([sender = sender] {
        for (int i = 1; i <= 10; ++i) sender.Send(i);
      });
    }
    sender.Drop();
    int sum = 0;
    for (int n : numbers) sum += n;
    EXPECT_EQ(sum, 8 * 55);
  }
}

TEST_P(SafeCloseTest, ASenderWithoutChannelPanics) {
  EXPECT_EQ(PanicOf([] { Sender<int>().Send(1); }), "Sender: no channel");
}

TEST_P(SafeCloseTest, SendAfterCloseIsAnError) {
  ClosableChan<int> c(1);
  EXPECT_TRUE(c.Send(Background(), 1).ok());
  EXPECT_TRUE(c.Close());
  EXPECT_EQ(c.Send(Background(), 2).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(c.TrySend(3), TrySendResult::kClosed);
  EXPECT_EQ(c.C().Recv(), 1) << "what was accepted before is not lost";
  EXPECT_EQ(c.C().Recv(), std::nullopt);
}

TEST_P(SafeCloseTest, OnlyOneCloseCloses) {
  for (int round = Repeat(50); round > 0; --round) {
    ClosableChan<int> c;
    std::atomic<int> closed{0};
    Group group;
    for (int i = 0; i < 8; ++i) group.Go([&] { closed += c.Close(); });
    group.Wait();
    EXPECT_EQ(closed, 1);
  }
}

TEST_P(SafeCloseTest, CloseEndsTheWaitOfSenders) {
  RunInFiber([] {
    ClosableChan<int> c;
    Group group;
    for (int i = 0; i < 3; ++i) {
      group.Go([&] {
        EXPECT_EQ(c.Send(Background(), 1).code(), absl::StatusCode::kFailedPrecondition);
      });
    }
    AwaitSenders(c.C(), 3);
    c.Close();
    group.Wait();
    EXPECT_TRUE(c.C().TryRecv().closed());
  });
}

TEST_P(SafeCloseTest, TheContextEndsTheWaitOfASender) {
  RunInFiber([] {
    ClosableChan<int> c;
    auto [ctx, cancel] = WithCancel(Background());
    Group group;
    group.Go([&, ctx = ctx] { EXPECT_EQ(c.Send(ctx, 1).code(), absl::StatusCode::kCancelled); });
    AwaitSenders(c.C(), 1);
    cancel();
    group.Wait();
    EXPECT_EQ(c.TrySend(1), TrySendResult::kFull);
  });
}

TEST_P(SafeCloseTest, AStayAmongTheSendersHoldsTheEndBack) {
  ClosableChan<int> c(1);
  {
    ClosableChan<int>::Entry entry(c);
    c.Close();
    EXPECT_TRUE(c.Done().TryRecv().closed());
    EXPECT_TRUE(c.C().TryRecv().empty()) << "not closed yet";
    EXPECT_TRUE(entry.chan().TrySend(1));
  }
  EXPECT_EQ(c.C().Recv(), 1);
  EXPECT_TRUE(c.C().TryRecv().closed());
}

// Senders and closers race; what was accepted is received, whatever the order.
TEST_P(SafeCloseTest, NothingAcceptedIsLost) {
  for (int round = Repeat(100); round > 0; --round) {
    ClosableChan<int> c(round % 3);
    std::atomic<int64_t> accepted{0};
    int64_t received = 0;
    Group senders, receiver;
    receiver.Go([&] {
      for (int n : c.C()) received += n;
    });
    for (int s = 0; s < 4; ++s) {
      senders.Go([&] {
        for (int i = 1; c.Send(Background(), i).ok(); ++i) accepted += i;
      });
    }
    for (int i = 0; i < 2; ++i) {
      senders.Go([&] {
        for (int j = 0; j < 20; ++j) Gosched();
        c.Close();
      });
    }
    senders.Wait();
    receiver.Wait();
    EXPECT_EQ(received, accepted);
  }
}

TEST_P(SafeCloseTest, SafeSendAndSafeCloseTurnThePanicIntoFalse) {
  auto c = MakeChan<int>(1);
  EXPECT_TRUE(SafeSend(c, 1));
  EXPECT_TRUE(SafeClose(c));
  EXPECT_FALSE(SafeClose(c));
  EXPECT_FALSE(SafeSend(c, 2));
  EXPECT_EQ(PanicOf([] { SafeClose(Chan<int>()); }), "close of nil channel")
      << "another mistake stays one";
}

}  // namespace
}  // namespace weft
