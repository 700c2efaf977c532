#include "weft/sched/thread_lock.h"

#include <cstdlib>
#include <mutex>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/main.h"
#include "weft/sched/park.h"

namespace weft {
namespace {

using ::testing::ExitedWithCode;

template <typename Fn>
[[noreturn]] void Program(Fn fn) {
  char name[] = "program";
  char* arguments[] = {name, nullptr};
  std::exit(Main(1, arguments, fn));
}

#if defined(NDEBUG)
#define REPORT(why) "^$"
#else
// Both stacks, each with the function and the line that it must lead to.
#define LINE_OF(function) function "[^\n]*\n\tsched/thread_lock_test.cc:[0-9]+ (.|\n)*"
#define REPORT(why)                                                          \
  "^weft: fiber 1 parks \\(" why                                             \
  "\\) and holds a lock of threads.*\n\nfiber 1 \\[running, name main\\]:\n" \
  "(.|\n)*" LINE_OF("ParksHere") "\nlocked at:\n(.|\n)*" LINE_OF("LocksHere") "$"
#endif

template <typename Lock>
__attribute__((noinline)) void LocksHere(Lock& lock) {
  lock.lock();
  asm volatile("");  // not a tail call
}

template <typename Fn>
__attribute__((noinline)) void ParksHere(Fn park) {
  park();
  asm volatile("");
}

class ThreadLockTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

// Parks in two ways with `lock` held, the second time unreported.
template <typename Lock>
void ParksTwice() {
  // So that it is unlocked where it was locked: an absl::Mutex with assertions insists.
  LockOSThread();
  Lock lock;
  LocksHere(lock);
  ParksHere([] { Sleep(absl::Milliseconds(1)); });
  lock.unlock();
  LocksHere(lock);
  Gosched();
  lock.unlock();
}

TEST_F(ThreadLockTest, HeldAcrossAParkIsReportedWithBothStacks) {
  EXPECT_EXIT(Program(&ParksTwice<ThreadLock<std::mutex>>), ExitedWithCode(0), REPORT("sleep"));
}

#if !defined(WEFT_TSAN)  // Debian's absl is not instrumented
TEST_F(ThreadLockTest, AbseilsMutexToo) {
  EXPECT_EXIT(Program(&ParksTwice<ThreadLock<absl::Mutex>>), ExitedWithCode(0), REPORT("sleep"));
}
#endif

TEST_F(ThreadLockTest, YieldingIsReportedToo) {
  EXPECT_EXIT(Program([] {
                LockOSThread();
                ThreadLock<std::mutex> lock;
                LocksHere(lock);
                ParksHere([] { Gosched(); });
                lock.unlock();
              }),
              ExitedWithCode(0), REPORT("yield"));
}

TEST_F(ThreadLockTest, NothingIsSaidOfCorrectPrograms) {
  EXPECT_EXIT(Program([] {
                ThreadLock<std::mutex> outer;
                ThreadLock<std::mutex> inner;
                {
                  std::lock_guard<ThreadLock<std::mutex>> hold(outer);
                  std::lock_guard<ThreadLock<std::mutex>> hold_too(inner);
                }
                outer.lock();
                inner.lock();
                outer.unlock();  // not in the opposite order
                inner.unlock();
                Sleep(absl::Milliseconds(1));
                if (!outer.try_lock()) std::abort();
                std::thread([&outer] {
                  if (outer.try_lock()) std::abort();
                }).join();
                outer.unlock();
                // A plain thread keeps its thread.
                std::thread([&outer] {
                  std::lock_guard<ThreadLock<std::mutex>> hold(outer);
                  Sleep(absl::Milliseconds(1));
                }).join();
                Gosched();
              }),
              ExitedWithCode(0), "^$");
}

}  // namespace
}  // namespace weft
