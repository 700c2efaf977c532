#include "weft/context/context.h"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/testing/crew.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using sync_testing::Crew;
using sync_testing::PanicOf;

const absl::Status kCanceled(absl::StatusCode::kCancelled, "context canceled");
const absl::Status kDeadlineExceeded(absl::StatusCode::kDeadlineExceeded,
                                     "context deadline exceeded");
const absl::Status kMyCause(absl::StatusCode::kAborted, "my cause");

bool Ended(const Context& ctx) { return ctx.Done().TryRecv().closed(); }

void ExpectAlive(const Context& ctx) {
  EXPECT_FALSE(Ended(ctx));
  EXPECT_TRUE(ctx.Err().ok());
  EXPECT_TRUE(Cause(ctx).ok());
}

void ExpectEnded(const Context& ctx, const absl::Status& err, const absl::Status& cause) {
  EXPECT_TRUE(Ended(ctx));
  EXPECT_EQ(ctx.Err(), err);
  EXPECT_EQ(Cause(ctx), cause);
}

using ContextTest = weft::testing::FiberTest;

TEST_F(ContextTest, BackgroundAndTodoNeverEnd) {
  for (const Context& ctx : {Background(), TODO()}) {
    EXPECT_FALSE(ctx.Done()) << "nil";
    EXPECT_EQ(ctx.Deadline(), std::nullopt);
    ExpectAlive(ctx);
  }
}

TEST_F(ContextTest, NilParentPanics) {
  static constexpr ContextKey<int> key;
  const std::string message = "cannot create context from nil parent";
  EXPECT_EQ(PanicOf([] { WithCancel(Context()); }), message);
  EXPECT_EQ(PanicOf([] { WithTimeout(Context(), absl::Seconds(1)); }), message);
  EXPECT_EQ(PanicOf([] { WithValue(Context(), key, 1); }), message);
  EXPECT_EQ(PanicOf([] { WithoutCancel(Context()); }), message);
}

TEST_F(ContextTest, CancelEndsTheContextAndItsDescendants) {
  auto [parent, cancel] = WithCancel(Background());
  auto [child, cancel_child] = WithCancel(parent);
  auto [late, cancel_late] = WithTimeout(child, absl::Hours(1));
  ExpectAlive(late);
  cancel();
  ExpectEnded(parent, kCanceled, kCanceled);
  ExpectEnded(child, kCanceled, kCanceled);
  ExpectEnded(late, kCanceled, kCanceled);
}

TEST_F(ContextTest, CancelLeavesTheParentAlone) {
  auto [parent, cancel] = WithCancel(Background());
  auto [child, cancel_child] = WithCancel(parent);
  auto [sibling, cancel_sibling] = WithCancel(parent);
  cancel_child();
  ExpectAlive(parent);
  ExpectAlive(sibling);
  ExpectEnded(child, kCanceled, kCanceled);
  cancel();
}

TEST_F(ContextTest, NeitherCancelNorStopWaitsForAfterFunc) {
  auto [ctx, cancel] = WithCancel(Background());
  Chan<Empty> started = MakeChan<Empty>(), may_end = MakeChan<Empty>();
  StopFunc stop = AfterFunc(ctx, [started, may_end] {
    started.Close();
    may_end.Recv();
  });
  cancel();
  started.Recv();
  EXPECT_FALSE(stop());
  may_end.Close();
}

TEST_F(ContextTest, CancelMayBeCalledOftenAndFromAnywhere) {
  auto [ctx, cancel] = WithCancel(Background());
  {
    Crew crew;
    crew.Mixed(6, [&cancel = cancel](int) { cancel(); });
  }
  ExpectEnded(ctx, kCanceled, kCanceled);
}

TEST_F(ContextTest, AChildOfAnEndedContextIsBornEnded) {
  auto [parent, cancel] = WithCancelCause(Background());
  cancel(kMyCause);
  auto [child, cancel_child] = WithCancel(parent);
  ExpectEnded(child, kCanceled, kMyCause);
}

TEST_F(ContextTest, DoneIsAlwaysTheSameChannel) {
  auto [ctx, cancel] = WithCancel(Background());
  const RecvChan<Empty> before = ctx.Done();
  cancel();
  EXPECT_TRUE(before == ctx.Done());
  EXPECT_FALSE(before.Recv().has_value());
}

// The channel alone keeps the deadline ticking, as in Go, where the timer does.
TEST_F(ContextTest, DoneOutlivesTheHandles) {
  RecvChan<Empty> done = WithTimeout(Background(), absl::Milliseconds(2)).first.Done();
  EXPECT_FALSE(done.Recv().has_value());
}

TEST_F(ContextTest, ValueContextsAndWithoutCancelOfBackgroundHaveNoDone) {
  static constexpr ContextKey<int> key;
  EXPECT_FALSE(WithValue(Background(), key, 1).Done());
  auto [ctx, cancel] = WithCancel(Background());
  EXPECT_FALSE(WithoutCancel(ctx).Done());
}

TEST_F(ContextTest, TheFirstCancellationFixesErrorAndCause) {
  auto [parent, cancel_parent] = WithCancelCause(Background());
  auto [child, cancel_child] = WithCancelCause(parent);
  cancel_child(kMyCause);
  cancel_child(absl::InternalError("second"));
  cancel_parent(absl::InternalError("parent's"));
  ExpectEnded(child, kCanceled, kMyCause);
  ExpectEnded(parent, kCanceled, absl::InternalError("parent's"));
}

TEST_F(ContextTest, ACauseOfNilIsCanceled) {
  auto [ctx, cancel] = WithCancelCause(Background());
  cancel(absl::OkStatus());
  ExpectEnded(ctx, kCanceled, kCanceled);
}

TEST_F(ContextTest, AChildInheritsTheCause) {
  static constexpr ContextKey<int> key;
  auto [parent, cancel] = WithCancelCause(Background());
  auto [child, cancel_child] = WithCancel(WithValue(parent, key, 1));
  cancel(kMyCause);
  ExpectEnded(child, kCanceled, kMyCause);
  EXPECT_EQ(Cause(WithValue(child, key, 1)), kMyCause);
}

TEST_F(ContextTest, TheDeadlineEndsTheContext) {
  auto [ctx, cancel] = WithTimeout(Background(), absl::Milliseconds(3));
  EXPECT_TRUE(ctx.Deadline().has_value());
  ctx.Done().Recv();
  EXPECT_GE(absl::Now(), *ctx.Deadline() - absl::Milliseconds(1));
  ExpectEnded(ctx, kDeadlineExceeded, kDeadlineExceeded);
}

TEST_F(ContextTest, ADeadlineInThePastIsOverAtOnce) {
  auto [ctx, cancel] = WithDeadlineCause(Background(), absl::Now() - absl::Seconds(1), kMyCause);
  ExpectEnded(ctx, kDeadlineExceeded, kMyCause);
  auto [now, cancel_now] = WithTimeout(Background(), absl::ZeroDuration());
  ExpectEnded(now, kDeadlineExceeded, kDeadlineExceeded);
}

TEST_F(ContextTest, TheParentsEarlierDeadlineWinsAndTheCauseIsUnused) {
  auto [parent, cancel] = WithTimeout(Background(), absl::Milliseconds(2));
  auto [child, cancel_child] = WithTimeoutCause(parent, absl::Hours(1), kMyCause);
  EXPECT_EQ(child.Deadline(), parent.Deadline());
  child.Done().Recv();
  ExpectEnded(child, kDeadlineExceeded, kDeadlineExceeded);
}

TEST_F(ContextTest, TheCauseOfADeadlineIsForTheDeadlineOnly) {
  auto [timed, cancel_timed] = WithTimeoutCause(Background(), absl::Milliseconds(1), kMyCause);
  timed.Done().Recv();
  ExpectEnded(timed, kDeadlineExceeded, kMyCause);
  auto [cancelled, cancel] = WithTimeoutCause(Background(), absl::Hours(1), kMyCause);
  cancel();
  ExpectEnded(cancelled, kCanceled, kCanceled);
}

TEST_F(ContextTest, AnInfiniteTimeoutIsNone) {
  auto [ctx, cancel] = WithTimeout(Background(), absl::InfiniteDuration());
  EXPECT_EQ(ctx.Deadline(), std::nullopt);
  cancel();
  ExpectEnded(ctx, kCanceled, kCanceled);
}

TEST_F(ContextTest, ValuesAreFoundUpTheChain) {
  static constexpr ContextKey<std::string> user("user");
  static constexpr ContextKey<int> level("level");
  const Context a = WithValue(Background(), user, "gopher");
  auto [b, cancel] = WithCancel(a);
  const Context c = WithValue(WithValue(b, level, 1), level, 2);
  EXPECT_EQ(*c.Value(user), "gopher");
  EXPECT_EQ(*c.Value(level), 2);
  EXPECT_EQ(b.Value(level), nullptr);
  EXPECT_EQ(*WithoutCancel(c).Value(user), "gopher");
}

TEST_F(ContextTest, KeysOfEqualTypeAndNameAreDifferent) {
  static constexpr ContextKey<int> a("k"), b("k");
  EXPECT_EQ(WithValue(Background(), a, 1).Value(b), nullptr);
}

TEST_F(ContextTest, ADeepChainNeedsNoStack) {
  weft::testing::RunInFiber([] {
    static constexpr ContextKey<int> bottom, other;
    auto [ctx, cancel] = WithCancel(WithValue(Background(), bottom, 7));
    for (int i = 0; i < 50000; ++i) {
      ctx = i % 2 == 0 ? WithValue(ctx, other, i) : WithCancel(ctx).first;
    }
    EXPECT_EQ(*ctx.Value(bottom), 7);
    cancel();
    ExpectEnded(ctx, kCanceled, kCanceled);
  });
}

TEST_F(ContextTest, WithoutCancelOutlivesItsParent) {
  auto [parent, cancel] = WithTimeout(Background(), absl::Hours(1));
  const Context detached = WithoutCancel(parent);
  auto [child, cancel_child] = WithCancel(detached);
  cancel();
  EXPECT_EQ(detached.Deadline(), std::nullopt);
  ExpectAlive(detached);
  ExpectAlive(child);
}

TEST_F(ContextTest, AfterFuncRunsInItsOwnFiber) {
  auto [ctx, cancel] = WithCancel(Background());
  Chan<bool> in_fiber = MakeChan<bool>(1);
  StopFunc stop = AfterFunc(ctx, [in_fiber] { in_fiber.Send(NumFiber() > 0); });
  EXPECT_TRUE(in_fiber.TryRecv().empty());
  cancel();
  EXPECT_EQ(in_fiber.Recv(), true);
  EXPECT_FALSE(stop());
}

TEST_F(ContextTest, AfterFuncOfAnEndedContextRunsAtOnce) {
  auto [ctx, cancel] = WithCancel(Background());
  cancel();
  Chan<Empty> ran = MakeChan<Empty>();
  AfterFunc(ctx, [ran] { ran.Close(); });
  ran.Recv();
}

TEST_F(ContextTest, StopPreventsTheFunctionOnce) {
  auto [ctx, cancel] = WithCancel(Background());
  std::atomic<bool> ran{false};
  StopFunc stop = AfterFunc(ctx, [&] { ran = true; });
  EXPECT_TRUE(stop());
  EXPECT_FALSE(stop());
  cancel();
  EXPECT_TRUE(weft::testing::WaitForNoFibers());
  EXPECT_FALSE(ran);
}

TEST_F(ContextTest, AfterFuncsAreIndependent) {
  auto [ctx, cancel] = WithCancel(Background());
  WaitGroup wg;
  wg.Add(2);
  AfterFunc(ctx, [&] { wg.Done(); });
  StopFunc stop = AfterFunc(ctx, [] { ADD_FAILURE(); });
  AfterFunc(ctx, [&] { wg.Done(); });
  EXPECT_TRUE(stop());
  cancel();
  wg.Wait();
}

TEST_F(ContextTest, AfterFuncKeepsTheContextAlive) {
  Chan<Empty> ran = MakeChan<Empty>();
  AfterFunc(WithTimeout(Background(), absl::Milliseconds(2)).first, [ran] { ran.Close(); });
  ran.Recv();
}

TEST_F(ContextTest, AfterFuncOfAContextThatCannotEndNeverRuns) {
  auto held = std::make_shared<int>(1);
  EXPECT_TRUE(AfterFunc(Background(), [held] { ADD_FAILURE(); })());
  AfterFunc(Background(), [held] { ADD_FAILURE(); });
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(ContextTest, SelectOnDone) {
  auto [ctx, cancel] = WithTimeout(Background(), absl::Milliseconds(2));
  Chan<int> never = MakeChan<int>();
  EXPECT_EQ(Select(OnRecv(never), OnDone(ctx)), 1);
}

TEST_F(ContextTest, ASemaphoreGivesUpWithItsContext) {
  Semaphore s(1);
  s.Acquire();
  auto [ctx, cancel] = WithTimeout(Background(), absl::Milliseconds(2));
  EXPECT_EQ(s.Acquire(ctx), kDeadlineExceeded);
  EXPECT_EQ(s.Acquire(ctx), kDeadlineExceeded);
  s.Release();
  EXPECT_EQ(s.Acquire(ctx), kDeadlineExceeded);
  EXPECT_TRUE(s.Acquire(Background()).ok());
  s.Release();
}

TEST_F(ContextTest, CancelOnExitCancelsAndCancelFuncDoesNot) {
  Context ctx;
  { ctx = WithCancel(Background()).first; }
  ExpectAlive(ctx);
  {
    auto [inner, cancel] = WithCancel(Background());
    CancelOnExit stop(cancel);
    ctx = inner;
  }
  ExpectEnded(ctx, kCanceled, kCanceled);
}

TEST_F(ContextTest, StringTellsHowItWasMade) {
  static constexpr ContextKey<int> key("user");
  const Context ctx = WithoutCancel(WithValue(WithCancel(Background()).first, key, 1));
  EXPECT_EQ(ctx.String(), "context.Background.WithCancel.WithValue(user).WithoutCancel");
  EXPECT_EQ(TODO().String(), "context.TODO");
  EXPECT_NE(WithTimeout(TODO(), absl::Hours(1)).first.String().find("context.TODO.WithDeadline("),
            std::string::npos);
}

// Ten thousand children: no fiber, and all end in one call.
TEST_F(ContextTest, ManyChildrenCostNoFiber) {
  auto [root, cancel] = WithCancel(Background());
  std::vector<Context> children;
  for (int i = 0; i < 10000; ++i) {
    children.push_back(i % 3 == 0 ? WithTimeout(root, absl::Hours(1)).first
                                  : WithCancel(root).first);
  }
  EXPECT_EQ(NumFiber(), 0);
  cancel();
  for (const Context& child : children) ASSERT_EQ(child.Err(), kCanceled);
}

// Sixteen times the children cost about as many times the processor's work: not a square.
TEST_F(ContextTest, CancellingIsLinearInTheChildren) {
  const auto cancel_seconds = [](int children) {
    double least = 1e9;
    for (int run = 0; run < 5; ++run) {
      auto [root, cancel] = WithCancel(Background());
      std::vector<Context> tree{root};
      for (int i = 0; i < children; ++i)
        tree.push_back(WithCancel(tree[i % 3 == 0 ? 0 : i / 2]).first);
      const std::clock_t begin = std::clock();
      cancel();
      least = std::min(least, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
    }
    return least;
  };
  const double few = cancel_seconds(1250);
  EXPECT_LT(cancel_seconds(20000), 100 * few + 1e-3);
}

TEST_F(ContextTest, AParentForgetsChildrenThatNobodyRefersTo) {
  auto [root, cancel] = WithCancel(Background());
  auto held = std::make_shared<int>(1);
  static constexpr ContextKey<std::shared_ptr<int>> key;
  for (int i = 0; i < 100; ++i) WithTimeout(WithValue(root, key, held), absl::Hours(1));
  EXPECT_EQ(held.use_count(), 1);
  cancel();
}

// A context of another make. `Plain` has its own channel; `Wrapper` passes one of ours on.
class Plain : public CustomContext {
 public:
  RecvChan<Empty> Done() const override { return done_; }
  absl::Status Err() const override {
    return done_.TryRecv().closed() ? kDeadlineExceeded : absl::OkStatus();
  }
  void End() { done_.Close(); }

 private:
  Chan<Empty> done_ = MakeChan<Empty>();
};

class Wrapper : public CustomContext {
 public:
  explicit Wrapper(Context inner) : inner_(std::move(inner)) {}
  std::optional<absl::Time> Deadline() const override { return inner_.Deadline(); }
  RecvChan<Empty> Done() const override { return inner_.Done(); }
  absl::Status Err() const override { return inner_.Err(); }
  const void* Value(const void* key) const override { return inner_.Value(key); }

 private:
  Context inner_;
};

class WithOwnAfterFunc : public Plain {
 public:
  std::function<bool()> AfterFunc(std::function<void()> f) const override {
    f_ = std::move(f);
    return [this] {
      stopped = true;
      return std::exchange(f_, nullptr) != nullptr;
    };
  }
  void EndByHook() {
    End();
    f_();
  }
  mutable bool stopped = false;

 private:
  mutable std::function<void()> f_;
};

TEST_F(ContextTest, AChildOfACustomContextCostsOneFiberUntilEitherEnds) {
  auto custom = std::make_shared<Plain>();
  static constexpr ContextKey<int> key;
  const Context parent = WithValue(Context(custom), key, 1);
  {
    auto [a, cancel_a] = WithCancel(parent);
    auto [b, cancel_b] = WithCancel(parent);
    auto [grandchild, cancel_grandchild] = WithCancel(b);
    EXPECT_EQ(NumFiber(), 2);
    cancel_a();
    while (NumFiber() != 1) Gosched();
    custom->End();
    b.Done().Recv();
    ExpectEnded(b, kDeadlineExceeded, kDeadlineExceeded);
    EXPECT_EQ(grandchild.Err(), kDeadlineExceeded);
  }
  auto [late, cancel_late] = WithCancel(parent);
  EXPECT_EQ(late.Err(), kDeadlineExceeded);
}

TEST_F(ContextTest, AChildOfAWrapperCostsNoFiber) {
  auto [inner, cancel] = WithCancelCause(Background());
  auto [child, cancel_child] = WithCancel(Context(std::make_shared<Wrapper>(inner)));
  EXPECT_EQ(NumFiber(), 0);
  cancel(kMyCause);
  ExpectEnded(child, kCanceled, kMyCause);
}

TEST_F(ContextTest, ACustomContextsOwnAfterFuncIsUsedInsteadOfAFiber) {
  auto custom = std::make_shared<WithOwnAfterFunc>();
  auto [child, cancel] = WithCancel(Context(custom));
  EXPECT_EQ(NumFiber(), 0);
  custom->EndByHook();
  ExpectEnded(child, kDeadlineExceeded, kDeadlineExceeded);
  auto another = std::make_shared<WithOwnAfterFunc>();
  auto [stopped, cancel_stopped] = WithCancel(Context(another));
  cancel_stopped();
  EXPECT_TRUE(another->stopped);
}

TEST_F(ContextTest, ASemaphoreGivesUpWithACustomContext) {
  auto custom = std::make_shared<Plain>();
  const Context ctx(custom);
  Semaphore s(1);
  s.Acquire();
  Crew crew;
  crew.Fiber([&] { EXPECT_EQ(s.Acquire(ctx), kDeadlineExceeded); });
  crew.Fiber([&] {
    Sleep(absl::Milliseconds(2));
    custom->End();
  });
  crew.Join();
  EXPECT_TRUE(AfterFunc(Context(std::make_shared<Plain>()), [] {})());
}

}  // namespace
}  // namespace weft
