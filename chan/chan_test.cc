#include "weft/chan/chan.h"

#include <array>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/internal/test_util.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::AwaitReceivers;
using chan_internal::AwaitSenders;
using chan_internal::Group;
using chan_internal::CloseUnordered;
using chan_internal::PanicOf;

class ChanTest : public weft::testing::FiberTest {};

// ---- What does not compile ----

template <typename C>
concept CanSend = requires(const C& c) {
  c.Send(1);
};
template <typename C>
concept CanTrySend = requires(const C& c) {
  c.TrySend(1);
};
template <typename C>
concept CanRecv = requires(const C& c) {
  c.Recv();
};
template <typename C>
concept CanTryRecv = requires(const C& c) {
  c.TryRecv();
};
template <typename C>
concept CanClose = requires(const C& c) {
  c.Close();
};
template <typename C>
concept CanRange = requires(const C& c) {
  c.begin() == c.end();
};

static_assert(CanSend<Chan<int>> && CanTrySend<Chan<int>> && CanRecv<Chan<int>> &&
              CanTryRecv<Chan<int>> && CanClose<Chan<int>> && CanRange<Chan<int>>);
static_assert(!CanSend<RecvChan<int>> && !CanTrySend<RecvChan<int>> && !CanClose<RecvChan<int>>);
static_assert(CanRecv<RecvChan<int>> && CanTryRecv<RecvChan<int>> && CanRange<RecvChan<int>>);
static_assert(!CanRecv<SendChan<int>> && !CanTryRecv<SendChan<int>> && !CanRange<SendChan<int>>);
static_assert(CanSend<SendChan<int>> && CanTrySend<SendChan<int>> && CanClose<SendChan<int>>);

static_assert(std::convertible_to<Chan<int>, RecvChan<int>> &&
              std::convertible_to<Chan<int>, SendChan<int>>);
static_assert(!std::convertible_to<RecvChan<int>, Chan<int>> &&
              !std::convertible_to<SendChan<int>, Chan<int>>);
static_assert(!std::constructible_from<Chan<int>, RecvChan<int>> &&
              !std::constructible_from<Chan<int>, SendChan<int>>);
static_assert(!std::convertible_to<RecvChan<int>, SendChan<int>> &&
              !std::convertible_to<SendChan<int>, RecvChan<int>>);
static_assert(!std::convertible_to<Chan<int>, RecvChan<long>> &&
              !std::convertible_to<Chan<int>, Chan<long>>);

static_assert(sizeof(Chan<int>) == sizeof(void*));
static_assert(std::is_nothrow_copy_constructible_v<Chan<int>> &&
              std::is_nothrow_move_constructible_v<Chan<int>>);
static_assert(std::is_nothrow_copy_assignable_v<Chan<int>> &&
              std::is_nothrow_default_constructible_v<Chan<int>>);

// ---- make ----

TEST_F(ChanTest, NegativeOrHugeCapacityPanics) {
  EXPECT_EQ(PanicOf([] { (void)MakeChan<int>(-1); }), "makechan: size out of range");
  EXPECT_EQ(PanicOf([] { (void)MakeChan<int>(std::numeric_limits<int64_t>::max()); }),
            "makechan: size out of range");
  EXPECT_EQ(PanicOf([] { (void)MakeChan<Empty>(std::numeric_limits<int64_t>::min()); }),
            "makechan: size out of range");
}

TEST_F(ChanTest, LenAndCapCountWhatIsBuffered) {
  for (int capacity : {1, 2, 3, 5, 7, 8, 100}) {
    auto c = MakeChan<int>(capacity);
    EXPECT_EQ(c.cap(), capacity);
    for (int lap = 0; lap < 3; ++lap) {
      for (int i = 0; i < capacity; ++i) {
        EXPECT_EQ(c.len(), i);
        c.Send(lap * 1000 + i);
      }
      EXPECT_EQ(c.len(), capacity);
      EXPECT_FALSE(c.TrySend(0));
      for (int i = 0; i < capacity; ++i) EXPECT_EQ(c.Recv(), lap * 1000 + i);
      EXPECT_EQ(c.len(), 0);
      // Other positions for the next lap.
      c.Send(-1);
      EXPECT_EQ(c.Recv(), -1);
    }
  }
}

TEST_F(ChanTest, LenAndCapOfUnbufferedAndNilAreZero) {
  EXPECT_EQ(MakeChan<int>().len(), 0);
  EXPECT_EQ(MakeChan<int>().cap(), 0);
  EXPECT_EQ(Chan<int>().len(), 0);
  EXPECT_EQ(Chan<int>().cap(), 0);
}

TEST_F(ChanTest, LenDoesNotCountParkedSenders) {
  auto c = MakeChan<int>(1);
  c.Send(1);
  Group group;
  group.Go([c] { c.Send(2); });
  AwaitSenders(c, 1);
  EXPECT_EQ(c.len(), 1);
  EXPECT_EQ(c.Recv(), 1);
  EXPECT_EQ(c.len(), 1);
  EXPECT_EQ(c.Recv(), 2);
  group.Wait();
}

// ---- identity ----

TEST_F(ChanTest, ComparisonIsIdentity) {
  auto a = MakeChan<int>(1);
  auto b = MakeChan<int>(1);
  Chan<int> copy = a;
  RecvChan<int> out = a;
  SendChan<int> in = a;
  EXPECT_EQ(a, copy);
  EXPECT_NE(a, b);
  EXPECT_EQ(out, a);
  EXPECT_NE(out, b);
  EXPECT_EQ(in, a);
  EXPECT_EQ(Chan<int>(), nullptr);
  EXPECT_EQ(RecvChan<int>(), Chan<int>());
  EXPECT_NE(a, nullptr);
  EXPECT_TRUE(out != nullptr && in != nullptr && nullptr != a);
  EXPECT_TRUE(RecvChan<int>() == nullptr && SendChan<int>() == nullptr);
  EXPECT_TRUE(a);
  EXPECT_FALSE(Chan<int>());
}

TEST_F(ChanTest, ViewsShareTheChannel) {
  auto c = MakeChan<int>(2);
  SendChan<int> in = c;
  RecvChan<int> out = c;
  c = nullptr;
  in.Send(7);
  EXPECT_TRUE(in.TrySend(8));
  in.Close();
  EXPECT_EQ(out.Recv(), 7);
  EXPECT_EQ(*out.TryRecv(), 8);
  EXPECT_TRUE(out.TryRecv().closed());
}

// ---- nil ----

TEST_F(ChanTest, TryFormsOnNilAreNeverReady) {
  Chan<int> nil;
  EXPECT_FALSE(nil.TrySend(1));
  EXPECT_TRUE(nil.TryRecv().empty());
}

TEST_F(ChanTest, CloseOfNilPanics) {
  EXPECT_EQ(PanicOf([] { Chan<int>().Close(); }), "close of nil channel");
}

// ---- close ----

TEST_F(ChanTest, CloseOfClosedPanics) {
  auto c = MakeChan<int>();
  c.Close();
  EXPECT_EQ(PanicOf([c] { c.Close(); }), "close of closed channel");
}

TEST_F(ChanTest, SendOnClosedPanics) {
  for (int capacity : {0, 1, 3}) {
    auto c = MakeChan<int>(capacity);
    c.Close();
    EXPECT_EQ(PanicOf([c] { c.Send(1); }), "send on closed channel");
    EXPECT_EQ(PanicOf([c] { (void)c.TrySend(1); }), "send on closed channel");
  }
}

TEST_F(ChanTest, SendOnClosedAndFullPanics) {
  auto c = MakeChan<int>(1);
  c.Send(1);
  c.Close();
  EXPECT_EQ(PanicOf([c] { c.Send(2); }), "send on closed channel");
  EXPECT_EQ(c.Recv(), 1);
  EXPECT_EQ(c.Recv(), std::nullopt);
}

TEST_F(ChanTest, ClosedChannelDrainsFirst) {
  for (int capacity : {1, 3, 4}) {
    auto c = MakeChan<int>(capacity);
    for (int i = 0; i < capacity; ++i) c.Send(i);
    c.Close();
    EXPECT_EQ(c.len(), capacity);
    for (int i = 0; i < capacity; ++i) EXPECT_EQ(c.Recv(), i);
    EXPECT_EQ(c.Recv(), std::nullopt);
    EXPECT_EQ(c.Recv(), std::nullopt);
    EXPECT_TRUE(c.TryRecv().closed());
  }
}

TEST_F(ChanTest, CloseWakesAllReceivers) {
  for (int capacity : {0, 2}) {
    auto c = MakeChan<int>(capacity);
    std::atomic<int> woken{0};
    Group group;
    for (int i = 0; i < 10; ++i) {
      group.Go([c, &woken] {
        EXPECT_EQ(c.Recv(), std::nullopt);
        ++woken;
      });
    }
    AwaitReceivers(c, 10);
    c.Close();
    group.Wait();
    EXPECT_EQ(woken, 10);
  }
}

TEST_F(ChanTest, CloseWakesAllSendersWhichPanicThemselves) {
  for (int capacity : {0, 2}) {
    auto c = MakeChan<int>(capacity);
    for (int i = 0; i < capacity; ++i) c.Send(-i);
    std::atomic<int> panics{0};
    Group group;
    for (int i = 0; i < 10; ++i) {
      group.Go([c, &panics] {
        if (PanicOf([c] { c.Send(1); }) == "send on closed channel") ++panics;
      });
    }
    AwaitSenders(c, 10);
    EXPECT_EQ(PanicOf([c] { CloseUnordered(c); }), "");
    group.Wait();
    EXPECT_EQ(panics, 10);
    for (int i = 0; i < capacity; ++i) EXPECT_EQ(c.Recv(), -i);
    EXPECT_EQ(c.Recv(), std::nullopt);
  }
}

TEST_F(ChanTest, ValueOfASenderThatPanicsDiesOnce) {
  auto c = MakeChan<std::shared_ptr<int>>();
  auto value = std::make_shared<int>(1);
  std::weak_ptr<int> watch = value;
  Group group;
  group.Go([c, value = std::move(value)]() mutable {
    EXPECT_EQ(PanicOf([&] { c.Send(std::move(value)); }), "send on closed channel");
  });
  AwaitSenders(c, 1);
  EXPECT_EQ(watch.use_count(), 1);
  CloseUnordered(c);
  group.Wait();
  EXPECT_TRUE(watch.expired());
}

// ---- order and hand-off ----

TEST_F(ChanTest, UnbufferedSendMeetsItsReceiver) {
  auto c = MakeChan<int>();
  std::atomic<bool> sent{false};
  Group group;
  group.Go([c, &sent] {
    c.Send(5);
    sent = true;
  });
  AwaitSenders(c, 1);
  EXPECT_FALSE(sent);
  EXPECT_EQ(c.Recv(), 5);
  group.Wait();
  EXPECT_TRUE(sent);
}

TEST_F(ChanTest, SendToAWaitingReceiverBypassesTheBuffer) {
  auto c = MakeChan<int>(3);
  Group group;
  group.Go([c] { EXPECT_EQ(c.Recv(), 9); });
  AwaitReceivers(c, 1);
  c.Send(9);
  EXPECT_EQ(c.len(), 0);
  group.Wait();
}

TEST_F(ChanTest, ReceiversAreServedFirstComeFirstServed) {
  for (int capacity : {0, 1, 4}) {
    auto c = MakeChan<int>(capacity);
    std::array<int, 5> got{};
    Group group;
    for (int i = 0; i < 5; ++i) {
      group.Go([c, &got, i] { got[i] = c.Recv().value_or(-1); });
      AwaitReceivers(c, i + 1);
    }
    for (int i = 0; i < 5; ++i) c.Send(10 + i);
    group.Wait();
    EXPECT_EQ(got, (std::array<int, 5>{10, 11, 12, 13, 14}));
  }
}

TEST_F(ChanTest, BlockedSendersEnterTheBufferInOrderOfArrival) {
  for (int capacity : {0, 1, 2, 3}) {
    auto c = MakeChan<int>(capacity);
    for (int i = 0; i < capacity; ++i) c.Send(i);
    Group group;
    for (int i = 0; i < 5; ++i) {
      group.Go([c, capacity, i] { c.Send(capacity + i); });
      AwaitSenders(c, i + 1);
    }
    for (int i = 0; i < capacity + 5; ++i) EXPECT_EQ(c.Recv(), i);
    group.Wait();
  }
}

TEST_F(ChanTest, AReceiveLetsABlockedSenderIn) {
  auto c = MakeChan<int>(1);
  c.Send(1);
  std::atomic<bool> sent{false};
  Group group;
  group.Go([c, &sent] {
    c.Send(2);
    sent = true;
  });
  AwaitSenders(c, 1);
  EXPECT_EQ(*c.TryRecv(), 1);
  group.Wait();
  EXPECT_TRUE(sent);
  EXPECT_EQ(c.len(), 1);
  EXPECT_EQ(*c.TryRecv(), 2);
}

TEST_F(ChanTest, DriveByDoesNotOvertakeAParkedReceiver) {
  auto c = MakeChan<int>(1);
  Group group;
  group.Go([c] { EXPECT_EQ(c.Recv(), 1); });
  AwaitReceivers(c, 1);
  c.Send(1);
  EXPECT_TRUE(c.TryRecv().empty());
  group.Wait();
}

// ---- Try-forms ----

TEST_F(ChanTest, TryFormsOnUnbufferedNeedAWaitingPeer) {
  auto c = MakeChan<int>();
  EXPECT_FALSE(c.TrySend(1));
  EXPECT_TRUE(c.TryRecv().empty());
  Group group;
  group.Go([c] { EXPECT_EQ(c.Recv(), 3); });
  AwaitReceivers(c, 1);
  EXPECT_TRUE(c.TrySend(3));
  group.Wait();
  group.Go([c] { c.Send(4); });
  AwaitSenders(c, 1);
  auto got = c.TryRecv();
  ASSERT_TRUE(got.received());
  EXPECT_EQ(*got, 4);
  group.Wait();
}

TEST_F(ChanTest, TryRecvTellsReceivedEmptyAndClosedApart) {
  for (int capacity : {1, 2}) {
    auto c = MakeChan<int>(capacity);
    EXPECT_TRUE(c.TryRecv().empty());
    c.Send(1);
    auto got = c.TryRecv();
    EXPECT_TRUE(got.received() && got);
    EXPECT_EQ(*got, 1);
    c.Close();
    EXPECT_TRUE(c.TryRecv().closed());
    EXPECT_FALSE(c.TryRecv());
  }
}

TEST_F(ChanTest, FailedTrySendDoesNotMoveFromItsValue) {
  auto c = MakeChan<std::unique_ptr<int>>(1);
  auto first = std::make_unique<int>(1);
  auto second = std::make_unique<int>(2);
  EXPECT_TRUE(c.TrySend(std::move(first)));
  EXPECT_EQ(first, nullptr);
  EXPECT_FALSE(c.TrySend(std::move(second)));
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(*second, 2);
}

// ---- range ----

TEST_F(ChanTest, RangeEndsWhenClosedAndDrained) {
  for (int capacity : {0, 1, 8}) {
    auto squares = MakeChan<int>(capacity);
    Group group;
    group.Go([squares] {
      for (int i = 0; i < 10; ++i) squares.Send(i * i);
      squares.Close();
    });
    std::vector<int> got;
    for (int s : squares) got.push_back(s);
    group.Wait();
    EXPECT_EQ(got, (std::vector<int>{0, 1, 4, 9, 16, 25, 36, 49, 64, 81}));
  }
}

TEST_F(ChanTest, RangeMovesMoveOnlyElementsOut) {
  auto c = MakeChan<std::unique_ptr<int>>(2);
  c.Send(std::make_unique<int>(1));
  c.Send(std::make_unique<int>(2));
  c.Close();
  int sum = 0;
  for (std::unique_ptr<int> p : RecvChan<std::unique_ptr<int>>(c)) sum += *p;
  EXPECT_EQ(sum, 3);
}

// ---- kinds of elements ----

TEST_F(ChanTest, StatelessElementsAreCounted) {
  auto c = MakeChan<Empty>(3);
  c.Send({});
  c.Send({});
  EXPECT_EQ(c.len(), 2);
  EXPECT_EQ(c.cap(), 3);
  c.Send({});
  EXPECT_FALSE(c.TrySend(Empty{}));
  EXPECT_TRUE(c.Recv().has_value());
  EXPECT_EQ(c.len(), 2);
}

struct alignas(128) OverAligned {
  explicit OverAligned(int v) : value(v) {}
  OverAligned(OverAligned&& other) noexcept : value(other.value) { Check(); }
  ~OverAligned() { Check(); }
  void Check() const { EXPECT_EQ(reinterpret_cast<uintptr_t>(this) % 128, 0u); }
  int value;
};

TEST_F(ChanTest, OverAlignedElementsStayAligned) {
  auto c = MakeChan<OverAligned>(3);
  for (int i = 0; i < 3; ++i) c.Send(OverAligned(i));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(c.Recv()->value, i);
}

struct ThrowingMove {
  explicit ThrowingMove(int v) : value(v) {}
  ThrowingMove(ThrowingMove&& other) : value(other.value) {
    if (other.value < 0) throw std::runtime_error("move");
    other.value = 0;
  }
  ThrowingMove& operator=(ThrowingMove&& other) {
    value = other.value;
    return *this;
  }
  int value;
};

static_assert(kChanBoxes<ThrowingMove> && !kChanBoxes<int> && !kChanBoxes<std::string> &&
              !kChanBoxes<Empty>);
static_assert(kChanBoxes<std::array<char, 64 * 1024>> &&
              !kChanBoxes<std::array<char, 64 * 1024 - 1>>);

TEST_F(ChanTest, ThrowingMoveIsBoxedAndLeavesTheChannelWhole) {
  auto c = MakeChan<ThrowingMove>(2);
  c.Send(ThrowingMove(1));
  ThrowingMove bad(-1);
  EXPECT_THROW(c.TrySend(std::move(bad)), std::runtime_error);
  EXPECT_EQ(c.len(), 1);
  c.Send(ThrowingMove(2));
  ThrowingMove third(3);
  EXPECT_FALSE(c.TrySend(std::move(third)));
  EXPECT_EQ(third.value, 3);
  EXPECT_EQ(c.Recv()->value, 1);
  EXPECT_EQ(c.TryRecv()->value, 2);
}

TEST_F(ChanTest, LargeElementsAreBoxed) {
  using Large = std::array<char, 100'000>;
  auto c = MakeChan<Large>(1);
  auto value = std::make_unique<Large>();
  value->back() = 'x';
  c.Send(*value);
  EXPECT_EQ(c.Recv()->back(), 'x');
}

struct Counted {
  explicit Counted(int& alive) : alive(&alive) { ++alive; }
  Counted(Counted&& other) noexcept : alive(other.alive) { ++*alive; }
  Counted(const Counted& other) noexcept : alive(other.alive) { ++*alive; }
  ~Counted() { --*alive; }
  int* alive;
};

TEST_F(ChanTest, LastHandleDestroysWhatIsBuffered) {
  int alive = 0;
  {
    auto c = MakeChan<Counted>(3);
    for (int i = 0; i < 3; ++i) c.Send(Counted(alive));
    EXPECT_EQ(alive, 3);
    EXPECT_TRUE(c.Recv().has_value());
    EXPECT_EQ(alive, 2);
    c.Send(Counted(alive));  // around the end of the ring
    RecvChan<Counted> view = c;
    c = nullptr;
    EXPECT_EQ(alive, 3);
  }
  EXPECT_EQ(alive, 0);
}

TEST_F(ChanTest, AChannelOfChannels) {
  auto requests = MakeChan<Chan<int>>();
  Group group;
  group.Go([requests] {
    for (Chan<int> reply : requests) reply.Send(42);
  });
  auto reply = MakeChan<int>();
  requests.Send(reply);
  EXPECT_EQ(reply.Recv(), 42);
  requests.Close();
  group.Wait();
}

// ---- callers ----

TEST_F(ChanTest, PlainThreadsAndFibersMeet) {
  auto there = MakeChan<int>();
  auto back = MakeChan<int>();
  Group group;
  group.Go([there, back] {
    for (int v : there) back.Send(v + 1);
    back.Close();
  });
  std::thread thread([there, back] {
    for (int i = 0; i < 100; ++i) {
      there.Send(i);
      EXPECT_EQ(back.Recv(), i + 1);
    }
    there.Close();
  });
  thread.join();
  group.Wait();
  EXPECT_EQ(back.Recv(), std::nullopt);
}

// A buffer as a counting semaphore: the (k + C)-th send is after the k-th receive.
TEST_F(ChanTest, ABufferIsACountingSemaphore) {
  constexpr int kLimit = 3;
  auto permits = MakeChan<Empty>(kLimit);
  std::atomic<int> inside{0};
  Group group;
  for (int i = 0; i < 20; ++i) {
    group.Go([permits, &inside] {
      for (int round = 0; round < 50; ++round) {
        permits.Send({});
        EXPECT_LE(inside.fetch_add(1), kLimit - 1);
        Gosched();
        --inside;
        permits.Recv();
      }
    });
  }
  group.Wait();
  EXPECT_EQ(permits.len(), 0);
}

// With a capacity of one, send and receive are a lock around plain data.
TEST_F(ChanTest, ABufferOfOneIsALock) {
  auto lock = MakeChan<Empty>(1);
  int64_t plain = 0;
  Group group;
  for (int i = 0; i < 4; ++i) {
    group.Go([lock, &plain] {
      for (int round = 0; round < 500; ++round) {
        lock.Send({});
        ++plain;
        lock.Recv();
      }
    });
  }
  group.Wait();
  EXPECT_EQ(plain, 2000);
}

}  // namespace
}  // namespace weft
