// How programs end that use channels wrongly: message and status, as Go's.
#include <cstdlib>
#include <functional>
#include <string>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"
#include "weft/sched/main.h"

namespace weft {
namespace {

class ChanDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// Runs fn() as a program.
void Program(const std::function<void()>& fn) {
  char name[] = "program";
  char* argv[] = {name, nullptr};
  std::exit(Main(1, argv, [&fn] { fn(); }));
}

void ExpectExit2(const std::function<void()>& fn, const std::string& message) {
  EXPECT_EXIT(Program(fn), ::testing::ExitedWithCode(2), message);
}

TEST_F(ChanDeathTest, UncaughtPanics) {
  ExpectExit2([] { Chan<int>().Close(); }, "panic: close of nil channel");
  ExpectExit2(
      [] {
        auto c = MakeChan<int>(1);
        c.Close();
        Go([c] { c.Send(1); });
        SelectForever();
      },
      "panic: send on closed channel");
}

TEST_F(ChanDeathTest, NilChannelsBlockForever) {
  ExpectExit2([] { Chan<int>().Recv(); },
              "all fibers are asleep - deadlock!(.|\n)*chan receive \\(nil chan\\)");
  ExpectExit2([] { Chan<int>().Send(1); },
              "all fibers are asleep - deadlock!(.|\n)*chan send \\(nil chan\\)");
  ExpectExit2(
      [] {
        for (int v : Chan<int>()) (void)v;
      },
      "chan receive \\(nil chan\\)");
}

TEST_F(ChanDeathTest, NobodyLeftToMeetIsADeadlock) {
  ExpectExit2([] { MakeChan<int>().Recv(); }, "deadlock!(.|\n)*chan receive");
  ExpectExit2([] { MakeChan<int>().Send(1); }, "deadlock!(.|\n)*chan send");
  ExpectExit2([] { Select(OnRecv(MakeChan<int>()), OnRecv(Chan<int>())); },
              "deadlock!(.|\n)*select");
}

TEST_F(ChanDeathTest, SelectWithoutCasesIsADeadlock) {
  ExpectExit2([] { SelectForever(); }, "deadlock!(.|\n)*select \\(no cases\\)");
  ExpectExit2([] { Select(); }, "deadlock!(.|\n)*select \\(no cases\\)");
}

}  // namespace
}  // namespace weft
