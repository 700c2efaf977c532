#include "weft/patterns/panics.h"

#include <stdexcept>
#include <string>

#include "gtest/gtest.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using PanicsTest = weft::testing::FiberTest;
using weft::testing::RunInFiber;

TEST_F(PanicsTest, RecoverReturnsNothingWithoutAPanic) {
  EXPECT_FALSE(Recover([] {}).has_value());
}

TEST_F(PanicsTest, RecoverKeepsMessageAndStack) {
  std::optional<Recovered> panic = Recover([] { Panic("boom"); });
  ASSERT_TRUE(panic.has_value());
  EXPECT_EQ(panic->message(), "boom");
  EXPECT_NE(panic->Stack(), "");
  EXPECT_EQ(panic->ToStatus().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(panic->ToStatus().message().substr(0, 11), "panic: boom");
}

TEST_F(PanicsTest, EveryExceptionIsAPanic) {
  std::optional<Recovered> standard = Recover([] { throw std::out_of_range("far"); });
  ASSERT_TRUE(standard.has_value());
  EXPECT_EQ(standard->message(), "far");
  EXPECT_EQ(standard->Stack(), "");
  EXPECT_THROW(standard->Rethrow(), std::out_of_range);
  std::optional<Recovered> other = Recover([] { throw 7; });
  ASSERT_TRUE(other.has_value());
  EXPECT_THROW(other->Rethrow(), int);
}

TEST_F(PanicsTest, RethrowKeepsTheFirstStack) {
  std::optional<Recovered> first = Recover([] { Panic("boom"); });
  ASSERT_TRUE(first.has_value());
  std::optional<Recovered> second = Recover([&] { first->Rethrow(); });
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(first->Stack(), second->Stack());
}

TEST_F(PanicsTest, GoexitPassesThrough) {
  bool after = false;
  WaitGroup wg;
  wg.Go([&] {
    (void)Recover([] { Goexit(); });
    after = true;
  });
  wg.Wait();
  EXPECT_FALSE(after);
}

TEST_F(PanicsTest, TheCatcherKeepsTheFirst) {
  PanicCatcher panics;
  panics.Rethrow();  // does nothing
  EXPECT_TRUE(panics.Try([] {}));
  EXPECT_FALSE(panics.Try([] { Panic("first"); }));
  EXPECT_FALSE(panics.Try([] { Panic("second"); }));
  EXPECT_EQ(panics.Panicked()->message(), "first");
  EXPECT_THROW(panics.Rethrow(), PanicError);
}

TEST_F(PanicsTest, OneOfManyIsKept) {
  PanicCatcher panics;
  WaitGroup wg;
  for (int i = 0; i < 100; ++i) {
    wg.Go([&panics, i] { panics.Try([i] { Panic("from " + std::to_string(i)); }); });
  }
  wg.Wait();
  ASSERT_TRUE(panics.Panicked().has_value());
  EXPECT_EQ(panics.Panicked()->message().substr(0, 5), "from ");
}

}  // namespace
}  // namespace weft
