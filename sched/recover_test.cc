#include "weft/sched/recover.h"

#include <stdexcept>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

using RecoverTest = testing::FiberTest;

TEST_F(RecoverTest, ReturnsNullWhenNothingIsThrown) {
  int ran = 0;
  EXPECT_EQ(Recover([&] { ++ran; }), nullptr);
  EXPECT_EQ(ran, 1);
}

TEST_F(RecoverTest, CatchesAnythingThatIsThrown) {
  EXPECT_EQ(DescribePanic(Recover([] { throw std::runtime_error("boom"); })), "boom");
  EXPECT_EQ(DescribePanic(Recover([] { throw "text"; })), "text");
  EXPECT_EQ(DescribePanic(Recover([] { throw std::string("more text"); })), "more text");
  EXPECT_EQ(DescribePanic(Recover([] { throw 42; })), "an exception of unknown type");
}

TEST_F(RecoverTest, APanicKeepsItsStack) {
  const std::string text = DescribePanic(Recover([] { Panic("broken"); }));
  EXPECT_THAT(text, StartsWith("broken\n"));
  EXPECT_GT(text.size(), std::string("broken\n").size() + 10) << "frames";
}

TEST_F(RecoverTest, GoexitIsNotCaught) {
  bool after = false, unwound = false;
  testing::RunInFiber([&] {
    struct Mark {
      bool& flag;
      ~Mark() { flag = true; }
    } mark{unwound};
    (void)Recover([] { Goexit(); });
    after = true;
  });
  EXPECT_TRUE(unwound);
  EXPECT_FALSE(after);
}

}  // namespace
}  // namespace weft
