// Misuse as Go divides it: what is fatal ends the process although somebody would catch it; what
// panics can be caught.
#include <functional>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/cond.h"
#include "weft/sync/mutex.h"
#include "weft/sync/once.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/testing/crew.h"
#include "weft/sync/waitgroup.h"

// What is tested here is what the analysis forbids.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace weft {
namespace {

using sync_testing::PanicOf;

// Runs misuse() in a fiber that catches everything.
void TryToSurvive(const std::function<void()>& misuse) {
  testing::RunInFiber([&] {
    try {
      misuse();
    } catch (...) {
    }
  });
}

void ExpectFatal(const std::function<void()>& misuse, const char* message) {
  EXPECT_EXIT(TryToSurvive(misuse), ::testing::ExitedWithCode(2), message);
}

TEST(MisuseDeathTest, UnlockOfWhatIsNotLockedIsFatal) {
  Mutex mu;
  ExpectFatal([&] { mu.unlock(); }, "fatal error: sync: unlock of unlocked mutex");
  RWMutex rw;
  ExpectFatal([&] { rw.unlock(); }, "fatal error: sync: Unlock of unlocked RWMutex");
  ExpectFatal([&] { rw.unlock_shared(); }, "fatal error: sync: RUnlock of unlocked RWMutex");
  ExpectFatal([&] { rw.RLocker().unlock(); }, "fatal error: sync: RUnlock of unlocked RWMutex");
}

TEST(MisuseDeathTest, UnlockOfTheOtherSideIsFatal) {
  RWMutex rw;
  const auto wrong_for_a_reader = [&] {
    rw.lock_shared();
    rw.unlock();
  };
  ExpectFatal(wrong_for_a_reader, "fatal error: sync: Unlock of unlocked RWMutex");
  const auto wrong_for_a_writer = [&] {
    rw.lock();
    rw.unlock_shared();
  };
  ExpectFatal(wrong_for_a_writer, "fatal error: sync: RUnlock of unlocked RWMutex");
}

TEST(MisuseDeathTest, ToUnlockTwiceIsFatal) {
  Mutex mu;
  const auto twice = [&] {
    mu.lock();
    mu.unlock();
    mu.unlock();
  };
  ExpectFatal(twice, "fatal error: sync: unlock of unlocked mutex");
}

TEST(MisuseDeathTest, ToWaitWithoutTheLockIsFatal) {
  Mutex mu;
  Cond cond(mu);
  ExpectFatal([&] { cond.Wait(); }, "fatal error: sync: unlock of unlocked mutex");
}

using MisuseTest = testing::FiberTest;

TEST_F(MisuseTest, WhatPanicsCanBeCaught) {
  testing::RunInFiber([] {
    EXPECT_EQ(PanicOf([] { WaitGroup().Done(); }), "sync: negative WaitGroup counter");
    EXPECT_EQ(PanicOf([] { Semaphore(1).Release(); }), "semaphore: released more than held");
    EXPECT_EQ(PanicOf([] { Once().Do(std::function<void()>()); }),
              "sync: Once.Do of nil func value");
  });
}

}  // namespace
}  // namespace weft
