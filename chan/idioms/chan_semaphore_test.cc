#include "weft/chan/idioms/chan_semaphore.h"

#include <atomic>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using chan_internal::PanicOf;
using testing::Repeat;

using ChanSemaphoreTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, ChanSemaphoreTest, testing::kWorkerCounts);

TEST_P(ChanSemaphoreTest, NoMoreThanItsPermitsAreInside) {
  for (int permits : {1, 2, 3, 10}) {
    ChanSemaphore limit(permits);
    std::atomic<int> inside{0};
    Group fibers;
    for (int i = 0; i < 20; ++i) {
      fibers.Go([limit, permits, &inside] {
        for (int k = 0; k < Repeat(100); ++k) {
          ChanSemaphore::Hold hold(limit);
          EXPECT_LE(++inside, permits);
          Gosched();
          --inside;
        }
      });
    }
    fibers.Wait();
    EXPECT_EQ(limit.taken(), 0);
    EXPECT_EQ(limit.permits(), permits);
  }
}

// With one permit it is a lock: TSan sees the writes that a missing edge would leave unordered.
TEST_P(ChanSemaphoreTest, AReleaseIsBeforeTheAcquireThatItAllows) {
  const int each = Repeat(2000);
  ChanSemaphore lock(1);
  int counter = 0;
  Group fibers;
  for (int i = 0; i < 4; ++i) {
    fibers.Go([lock, each, &counter] {
      for (int k = 0; k < each; ++k) {
        ChanSemaphore::Hold hold(lock);
        ++counter;
      }
    });
  }
  fibers.Wait();
  EXPECT_EQ(counter, 4 * each);
}

TEST_P(ChanSemaphoreTest, TryAcquireFailsWhenAllAreTaken) {
  ChanSemaphore s(2);
  EXPECT_TRUE(s.TryAcquire());
  s.Acquire();
  EXPECT_FALSE(s.TryAcquire());
  EXPECT_EQ(s.taken(), 2);
  s.Release();
  EXPECT_TRUE(s.TryAcquire());
}

TEST_P(ChanSemaphoreTest, AcquireIsACaseOfASelect) {
  ChanSemaphore s(1);
  auto quit = MakeChan<Empty>();
  EXPECT_EQ(Select(s.OnAcquire(), OnRecv(quit)), 0);
  EXPECT_EQ(Select(s.OnAcquire(), OnDefault()), 1);
  Group fibers;
  fibers.Go([s, quit] { EXPECT_EQ(Select(s.OnAcquire(), OnRecv(quit)), 1); });
  quit.Close();
  fibers.Wait();
  EXPECT_EQ(s.taken(), 1) << "who gave up has taken no permit";
}

TEST_P(ChanSemaphoreTest, MisusePanics) {
  EXPECT_EQ(PanicOf([] { ChanSemaphore none(0); }), "ChanSemaphore: no permits");
  EXPECT_EQ(PanicOf([] { ChanSemaphore(1).Release(); }), "ChanSemaphore: release without acquire");
}

}  // namespace
}  // namespace weft
