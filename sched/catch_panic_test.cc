#include "weft/sched/catch_panic.h"

#include <stdexcept>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using ::testing::StartsWith;

using CatchPanicTest = testing::FiberTest;

TEST_F(CatchPanicTest, ReturnsNullWhenNothingIsThrown) {
  int ran = 0;
  EXPECT_EQ(CatchPanic([&] { ++ran; }), nullptr);
  EXPECT_EQ(ran, 1);
}

TEST_F(CatchPanicTest, CatchesAnythingThatIsThrown) {
  EXPECT_EQ(DescribePanic(CatchPanic([] { throw std::runtime_error("boom"); })), "boom");
  EXPECT_EQ(DescribePanic(CatchPanic([] { throw "text"; })), "text");
  EXPECT_EQ(DescribePanic(CatchPanic([] { throw std::string("more text"); })), "more text");
  EXPECT_EQ(DescribePanic(CatchPanic([] { throw 42; })), "an exception of unknown type");
}

TEST_F(CatchPanicTest, APanicKeepsItsStack) {
  const std::string text = DescribePanic(CatchPanic([] { Panic("broken"); }));
  EXPECT_THAT(text, StartsWith("broken\n"));
  EXPECT_GT(text.size(), std::string("broken\n").size() + 10) << "frames";
}

TEST_F(CatchPanicTest, GoexitIsNotCaught) {
  bool after = false, unwound = false;
  testing::RunInFiber([&] {
    struct Mark {
      bool& flag;
      ~Mark() { flag = true; }
    } mark{unwound};
    (void)CatchPanic([] { Goexit(); });
    after = true;
  });
  EXPECT_TRUE(unwound);
  EXPECT_FALSE(after);
}

}  // namespace
}  // namespace weft
