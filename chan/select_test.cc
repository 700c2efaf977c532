#include "weft/chan/select.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
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
using chan_internal::WaitingReceivers;
using chan_internal::WaitingSenders;

class SelectTest : public weft::testing::FiberTest {};

// ---- What does not compile ----

template <typename C>
concept CanSelectRecv = requires(C c) {
  OnRecv(c);
};
template <typename C>
concept CanSelectSend = requires(C c) {
  OnSend(c, 1);
};
static_assert(CanSelectRecv<Chan<int>> && CanSelectRecv<RecvChan<int>> &&
              !CanSelectRecv<SendChan<int>>);
static_assert(CanSelectSend<Chan<int>> && CanSelectSend<SendChan<int>> &&
              !CanSelectSend<RecvChan<int>>);

// ---- The table: one case and default, in every state of a channel ----

struct TableRow {
  const char* state;
  int recv;  // what Select(OnRecv, OnDefault) returns
  int send;  // what Select(OnSend, OnDefault) returns; -1: panics
};

Chan<int> InState(const std::string& state, int capacity) {
  if (state == "nil") return nullptr;
  auto c = MakeChan<int>(capacity);
  int filled = state == "full" || state == "closed, full" ? capacity
               : state == "partly full"                   ? capacity - 1
                                                          : 0;
  for (int i = 0; i < filled; ++i) c.Send(i);
  if (state.substr(0, 6) == "closed") c.Close();
  return c;
}

TEST_F(SelectTest, OneCaseAndDefaultInEveryState) {
  for (const TableRow& row :
       {TableRow{"nil", 1, 1}, TableRow{"closed", 0, -1}, TableRow{"closed, full", 0, -1},
        TableRow{"empty", 1, 0}, TableRow{"full", 0, 1}, TableRow{"partly full", 0, 0}}) {
    SCOPED_TRACE(row.state);
    EXPECT_EQ(Select(OnRecv(InState(row.state, 2)), OnDefault()), row.recv);
    auto c = InState(row.state, 2);
    if (row.send < 0) {
      EXPECT_EQ(PanicOf([&] { Select(OnSend(c, 1), OnDefault()); }), "send on closed channel");
    } else {
      EXPECT_EQ(Select(OnSend(c, 1), OnDefault()), row.send);
    }
    EXPECT_EQ(!InState(row.state, 2).TryRecv().empty(), row.recv == 0);
  }
}

TEST_F(SelectTest, SeveralCasesAndDefaultInEveryPairOfStates) {
  const TableRow rows[] = {
      {"nil", 1, 1}, {"closed", 0, -1}, {"empty", 1, 0}, {"full", 0, 1}, {"partly full", 0, 0}};
  for (const TableRow& a : rows) {
    for (const TableRow& b : rows) {
      SCOPED_TRACE(std::string(a.state) + " and " + b.state);
      Chan<int> ca = InState(a.state, 2), cb = InState(b.state, 2);
      int ran = Select(OnRecv(ca), OnRecv(cb), OnDefault());
      EXPECT_TRUE((ran == 0 && a.recv == 0) || (ran == 1 && b.recv == 0) ||
                  (ran == 2 && a.recv && b.recv))
          << ran;
      if (a.send < 0 || b.send < 0) continue;
      ca = InState(a.state, 2), cb = InState(b.state, 2);
      ran = Select(OnSend(ca, 7), OnSend(cb, 8), OnDefault());
      EXPECT_TRUE((ran == 0 && a.send == 0) || (ran == 1 && b.send == 0) ||
                  (ran == 2 && a.send && b.send))
          << ran;
    }
  }
}

TEST_F(SelectTest, UnbufferedCasesNeedAWaitingPeer) {
  auto a = MakeChan<int>();
  auto b = MakeChan<int>();
  EXPECT_EQ(Select(OnRecv(a), OnSend(b, 1), OnDefault()), 2);
  Group group;
  group.Go([b] { EXPECT_EQ(b.Recv(), 1); });
  AwaitReceivers(b, 1);
  EXPECT_EQ(Select(OnRecv(a), OnSend(b, 1), OnDefault()), 1);
  group.Wait();
  group.Go([a] { a.Send(2); });
  AwaitSenders(a, 1);
  std::optional<int> got;
  EXPECT_EQ(Select(OnRecv(a, &got), OnSend(b, 1), OnDefault()), 0);
  EXPECT_EQ(got, 2);
  group.Wait();
}

// ---- Operands and destinations ----

TEST_F(SelectTest, DestinationIsEmptiedByAClosedChannelAndUntouchedIfAnotherRuns) {
  auto closed = MakeChan<int>();
  closed.Close();
  auto empty = MakeChan<int>();
  std::optional<int> from_closed = 1, from_empty = 2;
  EXPECT_EQ(Select(OnRecv(closed, &from_closed), OnRecv(empty, &from_empty)), 0);
  EXPECT_EQ(from_closed, std::nullopt);
  EXPECT_EQ(from_empty, 2);
}

TEST_F(SelectTest, OperandsAreEvaluatedOnceWhicheverCaseRuns) {
  int channels = 0, values = 0;
  auto c = MakeChan<int>(1);
  auto channel = [&] { return ++channels, c; };
  auto value = [&] { return ++values; };
  EXPECT_EQ(Select(OnRecv(channel()), OnSend(channel(), value()), OnSend(Chan<int>(), value())), 1);
  EXPECT_EQ(channels, 2);
  EXPECT_EQ(values, 2);
}

TEST_F(SelectTest, SendThatDoesNotRunLeavesItsValue) {
  auto full = MakeChan<std::unique_ptr<int>>();
  auto ready = MakeChan<int>(1);
  ready.Send(1);
  auto value = std::make_unique<int>(5);
  EXPECT_EQ(Select(OnSend(full, std::move(value)), OnRecv(ready)), 1);
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(*value, 5);
  // The same after having waited.
  Group group;
  group.Go([full, ready] {
    AwaitSenders(full, 1);
    ready.Send(2);
  });
  EXPECT_EQ(Select(OnSend(full, std::move(value)), OnRecv(ready)), 1);
  ASSERT_NE(value, nullptr);
  group.Wait();
}

struct ThrowingMove {
  explicit ThrowingMove(int v) : value(v) {}
  ThrowingMove(ThrowingMove&& other) noexcept(false) : value(std::exchange(other.value, 0)) {}
  ThrowingMove& operator=(ThrowingMove&& other) noexcept(false) {
    value = std::exchange(other.value, 0);
    return *this;
  }
  int value;
};

TEST_F(SelectTest, BoxedElementsAreSentReceivedAndGivenBack) {
  auto c = MakeChan<ThrowingMove>(1);
  ThrowingMove first(1), second(2);
  EXPECT_EQ(Select(OnSend(c, std::move(first)), OnDefault()), 0);
  EXPECT_EQ(Select(OnSend(c, std::move(second)), OnDefault()), 1);
  EXPECT_EQ(second.value, 2);
  int got = 0;
  Select(OnRecv(c, [&](std::optional<ThrowingMove> v) { got = v->value; }));
  EXPECT_EQ(got, 1);
}

TEST_F(SelectTest, HandlersRunAfterTheirCaseAndTheIndexIsReturned) {
  auto c = MakeChan<int>(1);
  std::string log;
  EXPECT_EQ(Select(OnSend(c, 4, [&] { log += "sent "; }), OnRecv(Chan<int>()),
                   OnDefault([&] { log += "default "; })),
            0);
  EXPECT_EQ(Select(OnRecv(c, [&](std::optional<int> v) { log += std::to_string(*v) + " "; }),
                   OnDefault()),
            0);
  EXPECT_EQ(Select(OnRecv(c, [&] { log += "never "; }), OnDefault([&] { log += "default"; })), 1);
  EXPECT_EQ(log, "sent 4 default");
}

TEST_F(SelectTest, HandlerMayThrow) {
  auto c = MakeChan<int>(1);
  EXPECT_THROW(
      Select(OnSend(c, 1, [] { throw std::runtime_error("handler"); }), OnRecv(Chan<int>())),
      std::runtime_error);
  EXPECT_EQ(c.len(), 1);
}

struct FakeContext {
  RecvChan<Empty> Done() const { return done; }
  Chan<Empty> done = MakeChan<Empty>();
};

TEST_F(SelectTest, OnDoneRunsOnceTheSourceIsDone) {
  FakeContext context;
  auto c = MakeChan<int>();
  EXPECT_EQ(Select(OnRecv(c), OnDone(context), OnDefault()), 2);
  Group group;
  group.Go([context, c] {
    AwaitReceivers(c, 1);
    context.done.Close();
  });
  bool handled = false;
  EXPECT_EQ(Select(OnRecv(c), OnDone(context, [&] { handled = true; })), 1);
  EXPECT_TRUE(handled);
  EXPECT_EQ(Select(OnRecv(c), OnDone(context)), 1);
  group.Wait();
}

// ---- Waiting ----

TEST_F(SelectTest, WaitsForWhicheverComesFirst) {
  for (int winner = 0; winner < 3; ++winner) {
    auto a = MakeChan<int>();
    auto b = MakeChan<std::string>(1);
    auto out = MakeChan<int>();
    Group group;
    group.Go([=] {
      AwaitReceivers(a, 1);
      if (winner == 0) a.Send(5);
      if (winner == 1) b.Send("five");
      if (winner == 2) {
        EXPECT_EQ(out.Recv(), 50);
      }
    });
    std::optional<int> i;
    std::optional<std::string> s;
    EXPECT_EQ(Select(OnRecv(a, &i), OnRecv(b, &s), OnSend(out, 50)), winner);
    EXPECT_EQ(i.has_value(), winner == 0);
    EXPECT_EQ(s.has_value(), winner == 1);
    group.Wait();
    EXPECT_EQ(WaitingReceivers(a) + WaitingReceivers(b) + WaitingSenders(out), 0);
  }
}

TEST_F(SelectTest, LosersLeaveTheirQueues) {
  auto a = MakeChan<int>();
  auto b = MakeChan<int>();
  for (int i = 0; i < 100; ++i) {
    Group group;
    group.Go([a] { a.Send(1); });
    EXPECT_EQ(Select(OnRecv(a), OnRecv(b), OnRecv(b), OnSend(b, 1)), 0);
    EXPECT_EQ(WaitingReceivers(b) + WaitingSenders(b), 0);
    group.Wait();
  }
}

TEST_F(SelectTest, CloseWakesReceivingCase) {
  auto a = MakeChan<int>();
  auto b = MakeChan<int>(1);
  Group group;
  group.Go([a, b] {
    AwaitReceivers(a, 1);
    b.Close();
  });
  std::optional<int> got = 3;
  EXPECT_EQ(Select(OnRecv(a), OnRecv(b, &got)), 1);
  EXPECT_EQ(got, std::nullopt);
  group.Wait();
}

TEST_F(SelectTest, CloseMakesWaitingSendCasePanic) {
  auto a = MakeChan<int>();
  auto b = MakeChan<int>();
  Group group;
  group.Go([a] {
    AwaitSenders(a, 1);
    CloseUnordered(a);
  });
  EXPECT_EQ(PanicOf([&] { Select(OnSend(a, 1), OnRecv(b)); }), "send on closed channel");
  EXPECT_EQ(WaitingReceivers(b), 0);
  group.Wait();
}

// Chosen about every other time; the other case never panics.
TEST_F(SelectTest, SendOnClosedPanicsOnlyIfChosen) {
  auto closed = MakeChan<int>();
  closed.Close();
  auto ready = MakeChan<int>(1);
  int panics = 0, received = 0;
  for (int i = 0; i < 200; ++i) {
    (void)ready.TrySend(1);
    if (PanicOf([&] { received += Select(OnSend(closed, 1), OnRecv(ready)); }).empty()) continue;
    ++panics;
  }
  EXPECT_EQ(panics + received, 200);
  EXPECT_GT(panics, 40);
  EXPECT_GT(received, 40);
}

TEST_F(SelectTest, NilChannelsAreNeverReady) {
  Chan<int> nil;
  auto c = MakeChan<int>(1);
  c.Send(1);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Select(OnRecv(nil), OnRecv(c), OnSend(nil, 1)), 1);
    c.Send(1);
  }
  EXPECT_EQ(Select(OnRecv(nil), OnSend(nil, 1), OnDefault()), 2);
}

// ---- The same channel more than once ----

TEST_F(SelectTest, DoesNotMeetItself) {
  for (int capacity : {0, 1}) {
    auto c = MakeChan<int>(capacity);
    auto other = MakeChan<int>();
    EXPECT_EQ(Select(OnRecv(c), OnSend(c, 1), OnDefault()), capacity == 0 ? 2 : 1);
    (void)c.TryRecv();
    constexpr int kRounds = 200;
    // Two selects on one channel in both directions only ever meet each other.
    Group group;
    std::atomic<int> sent{0}, received{0};
    for (int fiber = 0; fiber < 2; ++fiber) {
      group.Go([c, fiber, &sent, &received] {
        for (int i = 0; i < kRounds; ++i) {
          std::optional<int> got;
          if (Select(OnRecv(c, &got), OnSend(c, fiber)) == 0) {
            ++received;
            EXPECT_TRUE(c.cap() != 0 || got == 1 - fiber);
          } else {
            ++sent;
          }
        }
        if (c.cap() == 0) return;
        (void)c.TryRecv();
      });
    }
    group.Wait();
    EXPECT_EQ(sent + received, 2 * kRounds);
    EXPECT_TRUE(capacity != 0 || sent == received);
  }
}

TEST_F(SelectTest, DuplicateChannelsDeliverOnce) {
  auto c = MakeChan<int>();
  auto d = MakeChan<int>();
  Group group;
  group.Go([c, d] {
    for (int i = 0; i < 300; ++i) {
      c.Send(i);
    }
    d.Send(-1);
  });
  int next = 0;
  for (bool running = true; running;) {
    std::optional<int> first, second;
    switch (Select(OnRecv(c, &first), OnRecv(c, &second), OnRecv(d))) {
      case 0:
        EXPECT_EQ(first, next++);
        break;
      case 1:
        EXPECT_EQ(second, next++);
        break;
      case 2:
        running = false;
    }
  }
  EXPECT_EQ(next, 300);
  group.Wait();
}

// ---- Choice ----

// Sum over the cells of (seen - expected)^2 / expected.
double ChiSquare(const std::vector<int>& seen, double expected) {
  double sum = 0;
  for (int n : seen) sum += (n - expected) * (n - expected) / expected;
  return sum;
}

TEST_F(SelectTest, ChoiceAmongReadyIsUniform) {
  constexpr int kDraws = 40'000;
  auto closed = MakeChan<int>();
  closed.Close();
  auto never = MakeChan<int>();
  std::vector<int> seen(4);
  for (int i = 0; i < kDraws; ++i) {
    // The ready cases stand together, where a random start of a cyclic search would be unfair.
    ++seen[Select(OnRecv(closed), OnRecv(closed), OnRecv(closed), OnRecv(closed), OnRecv(never),
                  OnRecv(never))];
  }
  // Exceeded by one run in 100,000.
  EXPECT_LT(ChiSquare(seen, kDraws / 4.0), 25.9);

  std::vector<int> pairs(4);
  int last = 0;
  for (int i = 0; i < kDraws; ++i) {
    int ran = Select(OnRecv(closed), OnRecv(closed));
    ++pairs[2 * last + ran];
    last = ran;
  }
  EXPECT_LT(ChiSquare(pairs, kDraws / 4.0), 25.9) << "successive choices depend on each other";
}

TEST_F(SelectTest, ChoiceOnNewChannelsIsUniform) {
  constexpr int kDraws = 10'000;
  std::vector<int> seen(2);
  for (int i = 0; i < kDraws; ++i) {
    auto a = MakeChan<int>(1);
    auto b = MakeChan<int>(1);
    a.Send(1);
    b.Send(1);
    ++seen[Select(OnRecv(a), OnRecv(b))];
  }
  // Exceeded by one run in 100,000.
  EXPECT_LT(ChiSquare(seen, kDraws / 2.0), 19.6);
}

// ---- Lists made at run time ----

TEST_F(SelectTest, ListOfCases) {
  std::vector<Chan<int>> channels;
  std::vector<int> got(12, 0);
  std::vector<SelectCase> cases;
  for (int i = 0; i < 12; ++i) {
    channels.push_back(MakeChan<int>(1));
    cases.push_back(
        OnRecv(channels[i], [&got, i](std::optional<int> v) { got[i] = v.value_or(-1); }));
  }
  for (int i = 11; i >= 0; --i) {
    channels[i].Send(100 + i);
    EXPECT_EQ(Select(absl::MakeSpan(cases)), i);
    EXPECT_EQ(got[i], 100 + i);
  }
  Group group;
  group.Go([c = channels[7]] {
    AwaitReceivers(c, 1);
    c.Send(1);
  });
  EXPECT_EQ(Select(cases), 7);
  group.Wait();
  cases.push_back(OnDefault());
  EXPECT_EQ(Select(cases), 12);
  cases.push_back(OnDefault());
  EXPECT_EQ(PanicOf([&] { Select(cases); }), "select: more than one default case");
}

TEST_F(SelectTest, AListOwnsItsChannelsAndValues) {
  std::vector<SelectCase> cases;
  RecvChan<std::unique_ptr<int>> out;
  {
    auto c = MakeChan<std::unique_ptr<int>>(1);
    out = c;
    auto value = std::make_unique<int>(3);
    cases.push_back(OnSend(c, std::move(value)));
    EXPECT_EQ(value, nullptr);
  }
  EXPECT_EQ(Select(cases), 0);
  EXPECT_EQ(**out.Recv(), 3);
}

// Every case has its own channel; with many of them sorting and leaving the queues must stay near
// linear.
TEST_F(SelectTest, ManyCasesCostInProportion) {
  auto run = [](int n) {
    std::vector<Chan<int>> channels;
    std::vector<SelectCase> cases;
    for (int i = 0; i < n; ++i) {
      channels.push_back(MakeChan<int>());
      cases.push_back(OnRecv(channels.back()));
    }
    auto start = std::chrono::steady_clock::now();
    Group group;
    group.Go([c = channels[n / 2]] {
      AwaitReceivers(c, 1);
      c.Send(1);
    });
    EXPECT_EQ(Select(cases), n / 2);
    group.Wait();
    for (const Chan<int>& c : channels) EXPECT_EQ(WaitingReceivers(c), 0);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  run(1000);
  double small = run(1000);
  double large = run(30'000);
  EXPECT_LT(large, small * 30 * 20 + 0.1);
}

// Many selects stand in one queue; each leaves it from the middle.
TEST_F(SelectTest, LeavingALongQueueIsQuick) {
  constexpr int kFibers = 200;
  auto crowded = MakeChan<int>();
  auto quit = MakeChan<Empty>();
  Group group;
  for (int i = 0; i < kFibers; ++i) {
    group.Go([crowded, quit] { EXPECT_EQ(Select(OnRecv(crowded), OnRecv(quit)), 1); });
  }
  AwaitReceivers(crowded, kFibers);
  quit.Close();
  group.Wait();
  EXPECT_EQ(WaitingReceivers(crowded), 0);
}

// ---- Callers ----

TEST_F(SelectTest, WorksFromPlainThreads) {
  auto a = MakeChan<int>();
  auto b = MakeChan<int>();
  std::thread thread([a, b] {
    for (int i = 0; i < 100; ++i) Select(OnSend(a, i), OnSend(b, i));
    a.Close();
  });
  int next = 0;
  for (bool open = true; open;) {
    std::optional<int> got;
    int ran = Select(OnRecv(a, &got), OnRecv(b, &got));
    open = ran == 1 || got.has_value();
    if (!open) break;
    EXPECT_EQ(got, next++);
  }
  EXPECT_EQ(next, 100);
  thread.join();
}

}  // namespace
}  // namespace weft
