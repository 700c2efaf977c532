#include "weft/chan/idioms/once_closer.h"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using chan_internal::PanicOf;
using testing::Repeat;

using OnceCloserTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, OnceCloserTest, testing::kWorkerCounts);

TEST_P(OnceCloserTest, OneOfManyClosesAndForAllItIsClosed) {
  for (int round = 0; round < Repeat(500); ++round) {
    OnceCloser quit(MakeChan<Empty>());
    std::atomic<int> closed{0};
    Group fibers;
    for (int i = 0; i < 8; ++i) {
      fibers.Go([quit, &closed] {
        closed += quit.Close();
        EXPECT_TRUE(quit.chan().TryRecv().closed());
      });
    }
    fibers.Wait();
    EXPECT_EQ(closed, 1);
    EXPECT_FALSE(quit.Close());
  }
}

TEST_P(OnceCloserTest, ThreadsMayCloseToo) {
  OnceCloser c(MakeChan<int>(1));
  c.chan().Send(7);
  std::atomic<int> closed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([c, &closed] { closed += c.Close(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(c.chan().Recv(), 7) << "what is buffered stays";
  EXPECT_EQ(c.chan().Recv(), std::nullopt);
}

TEST_P(OnceCloserTest, AForeignCloseMakesTheFirstPanicAndHangsNobody) {
  OnceCloser c(MakeChan<int>());
  c.chan().Close();
  EXPECT_EQ(PanicOf([&] { c.Close(); }), "close of closed channel");
  EXPECT_FALSE(c.Close());
  OnceCloser<int> nil(nullptr);
  EXPECT_EQ(PanicOf([&] { nil.Close(); }), "close of nil channel");
}

}  // namespace
}  // namespace weft
