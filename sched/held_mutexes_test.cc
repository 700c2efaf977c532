// WEFT_DEBUG=heldlocks=1: mutexes that tell nobody are found when a fiber parks.

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/main.h"
#include "weft/sched/park.h"
#include "weft/sched/thread_lock.h"

namespace weft {
namespace {

using ::testing::ExitedWithCode;

template <typename Fn>
[[noreturn]] void Program(Fn fn, const char* debug = "heldlocks=1") {
  setenv("WEFT_DEBUG", debug, 1);
  char name[] = "program";
  char* arguments[] = {name, nullptr};
  std::exit(Main(1, arguments, fn));
}

// One report, of a park in ParksHere(), that ends with `where`.
std::string Report(const std::string& where) {
  return "^weft: fiber 1 parks \\(sleep\\) and holds a lock of threads.*\n\n"
         "fiber 1 \\[running, name main\\]:\n"
         "(.|\n)*ParksHere[^\n]*\n\tsched/held_mutexes_test.cc:[0-9]+ (.|\n)*\n"
         "std::mutex at 0x[0-9a-f]+, " +
         where + "\n$";
}

// The function that locks it, or its caller, which has the mutex or a reference to it too.
std::string InUseHere() {
  return "which is in use in:\n(.*\n.*\n)*[^\n]*(HoldsHere|operator)"
         "[^\n]*\n\tsched/held_mutexes_test.cc:[0-9]+.*\n(.*\n\t.*\n)*";
}

__attribute__((noinline)) void ParksHere() {
  Sleep(absl::Milliseconds(1));
  asm volatile("");  // not a tail call
}

template <typename Mutex>
__attribute__((noinline)) void HoldsHere(Mutex& mutex) {
  std::lock_guard<Mutex> hold(mutex);
  ParksHere();
}

class HeldMutexesTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(HeldMutexesTest, ALocalOneIsReportedOnce) {
  EXPECT_EXIT(Program([] {
                std::mutex mutex;
                HoldsHere(mutex);
                HoldsHere(mutex);
              }),
              ExitedWithCode(0), Report(InUseHere()));
}

TEST_F(HeldMutexesTest, OneInAnObjectOnTheHeap) {
  struct Account {
    std::string owner;
    long balance[40];
    std::mutex mutex;
  };
  EXPECT_EXIT(Program([] {
                const auto account = std::make_unique<Account>();
                HoldsHere(account->mutex);
              }),
              ExitedWithCode(0), Report(InUseHere()));
}

std::mutex static_mutex;

TEST_F(HeldMutexesTest, OneOfStaticStorageDuration) {
  EXPECT_EXIT(Program([] {
                static_mutex.lock();
                ParksHere();
                static_mutex.unlock();
              }),
              ExitedWithCode(0), Report("(a variable of static|which is in use in:\n)(.|\n)*"));
}

template <typename Mutex>
void IsFound() {
  EXPECT_EXIT(Program([] {
                Mutex mutex;
                HoldsHere(mutex);
              }),
              ExitedWithCode(0), Report(InUseHere()));
}

TEST_F(HeldMutexesTest, RecursiveMutex) { IsFound<std::recursive_mutex>(); }
TEST_F(HeldMutexesTest, TimedMutex) { IsFound<std::timed_mutex>(); }
TEST_F(HeldMutexesTest, RecursiveTimedMutex) { IsFound<std::recursive_timed_mutex>(); }
TEST_F(HeldMutexesTest, SharedMutexForWriting) { IsFound<std::shared_mutex>(); }

// Whoever waits for it has changed its words.
TEST_F(HeldMutexesTest, OneThatOthersWaitFor) {
  EXPECT_EXIT(Program([] {
                std::mutex mutex;
                std::thread other;
                {
                  std::lock_guard<std::mutex> hold(mutex);
                  other = std::thread([&mutex] { std::lock_guard<std::mutex> too(mutex); });
                  // The word that says that somebody sleeps.
                  const auto* word = reinterpret_cast<const volatile int*>(&mutex);
                  while (*word != 2) std::this_thread::yield();
                  ParksHere();
                }
                other.join();
              }),
              ExitedWithCode(0), "ParksHere(.|\n)*std::mutex at 0x");
}

// Far down, with a frame too large for the stack's first piece in between.
__attribute__((noinline)) int Deep(int depth) {
  volatile char frame[16 << 10];
  frame[depth] = 1;
  if (depth == 0) {
    ParksHere();
  } else {
    Deep(depth - 1);
  }
  return frame[depth];
}

TEST_F(HeldMutexesTest, HeldByAFrameOfAnEarlierSegment) {
  EXPECT_EXIT(Program([] {
                std::mutex mutex;
                std::lock_guard<std::mutex> hold(mutex);
                Deep(8);
              }),
              ExitedWithCode(0), "ParksHere(.|\n)*std::mutex at 0x");
}

TEST_F(HeldMutexesTest, AThreadLockIsReportedAsThat) {
  EXPECT_EXIT(Program([] {
                ThreadLock<std::mutex> lock;
                HoldsHere(lock);
              }),
              ExitedWithCode(0),
#if defined(NDEBUG)
              "std::mutex at 0x"
#else
              "^weft: ([^s]|s[^t]|st[^d]|std[^:])*locked at:\n(.*\n\t.*\n)*\n$"
#endif
  );
}

// Locked before and after, by others meanwhile, and by a thread that waits as a plain one.
void Correct() {
  std::mutex mutex;
  std::shared_mutex shared;
  std::recursive_mutex twice;
  mutex.lock();
  shared.lock();
  twice.lock();
  twice.lock();
  twice.unlock();
  twice.unlock();
  shared.unlock();
  mutex.unlock();
  ParksHere();
  std::mutex others;
  std::mutex end;
  end.lock();
  std::thread thread([&others, &end] {
    std::lock_guard<std::mutex> hold(others);
    Sleep(absl::Milliseconds(1));
    std::lock_guard<std::mutex> wait(end);
  });
  while (others.try_lock()) {
    others.unlock();
    std::this_thread::yield();
  }
  end.unlock();
  ParksHere();
  thread.join();
  Gosched();
}

TEST_F(HeldMutexesTest, NothingIsSaidOfCorrectPrograms) {
  EXPECT_EXIT(Program(&Correct), ExitedWithCode(0), "^$");
}

__attribute__((noinline)) void Small() { asm volatile(""); }

// Whoever parks on the thread while a fiber that holds one waits to go on must not be blamed.
TEST_F(HeldMutexesTest, NorOfAHolderWhoseTimeIsOver) {
  EXPECT_EXIT(Program([] {
                GOMAXPROCS(1);
                std::atomic<bool> stop{false};
                std::atomic<bool> ended{false};
                Go([&] {
                  while (!stop) Sleep(absl::Microseconds(100));
                  ended = true;
                });
                const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
                while (std::chrono::steady_clock::now() < end) {
                  std::lock_guard<std::mutex> hold(static_mutex);
                  for (int i = 0; i < 100'000; ++i) Small();
                }
                stop = true;
                while (!ended) Gosched();
              }),
              ExitedWithCode(0), "^$");
}

TEST_F(HeldMutexesTest, NorOfAnyWithoutTheOption) {
  EXPECT_EXIT(Program(
                  [] {
                    std::mutex mutex;
                    HoldsHere(mutex);
                  },
                  "heldlocks=0"),
              ExitedWithCode(0), "^$");
}

}  // namespace
}  // namespace weft
