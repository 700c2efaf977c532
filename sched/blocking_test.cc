#include "weft/sched/blocking.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/park.h"
#include "weft/sched/runtime.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using testing::Repeat;
using testing::RunInFiber;

// A pipe whose reader blocks until somebody writes.
class Gate {
 public:
  Gate() { EXPECT_EQ(pipe(ends_), 0); }
  ~Gate() {
    close(ends_[0]);
    close(ends_[1]);
  }
  void Wait() {
    char byte;
    while (read(ends_[0], &byte, 1) != 1) {
    }
  }
  void Open(int times = 1) {
    const std::string bytes(times, 'x');
    EXPECT_EQ(write(ends_[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

 private:
  int ends_[2];
};

// Starts so many fibers, each of which counts itself and then blocks its thread at the gate.
void CallAtTheGate(int callers, std::atomic<int>* inside, Gate* gate) {
  for (int i = 0; i < callers; ++i) {
    Go([inside, gate] {
      Blocking([inside, gate] {
        ++*inside;
        gate->Wait();
      });
    });
  }
}

using BlockingTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, BlockingTest, testing::kWorkerCounts);

TEST_P(BlockingTest, OthersRunWhileEveryProcessorIsInACall) {
  Gate gate;
  std::atomic<int> inside = 0;
  const int callers = 3 * GetParam();
  RunInFiber([&] {
    CallAtTheGate(callers, &inside, &gate);
    // Only another fiber can open the gate, and all are in a call before it does.
    while (inside < callers) Gosched();
    gate.Open(callers);
  });
  ASSERT_TRUE(testing::WaitForNoFibers());
}

TEST_P(BlockingTest, ManyCallsAtOnce) {
  Gate gate;
  std::atomic<int> inside = 0;
  std::atomic<int> after = 0;
  const int callers = Repeat(400);
  RunInFiber([&] {
    for (int i = 0; i < callers; ++i) {
      Go([&] {
        Blocking([&] {
          ++inside;
          gate.Wait();
        });
        ++after;
      });
    }
    while (inside < callers) Gosched();
    gate.Open(callers);
    while (after < callers) Gosched();
  });
  ASSERT_TRUE(testing::WaitForNoFibers());
}

TEST_P(BlockingTest, ShortCallsFromManyFibers) {
  std::atomic<int> calls = 0;
  RunInFiber([&] {
    for (int i = 0; i < 8; ++i) {
      Go([&] {
        for (int j = 0; j < Repeat(2'000); ++j) {
          Blocking([&] { ++calls; });
          if (j % 16 == 0) Gosched();
        }
      });
    }
  });
  ASSERT_TRUE(testing::WaitForNoFibers());
  EXPECT_EQ(calls, 8 * Repeat(2'000));
}

TEST_P(BlockingTest, MayParkInside) {
  RunInFiber([] {
    Parkable* self = CurrentParkable();
    for (int i = 0; i < Repeat(200); ++i) {
      BlockingRegion region;
      Go([self] { Ready(self); });
      Park(WaitReason::kForever);
      BlockingRegion nested;
      Gosched();
    }
  });
}

TEST_P(BlockingTest, RegionsNest) {
  Gate gate;
  RunInFiber([&] {
    Go([&] { gate.Open(); });
    Blocking([&] {
      Blocking([] {});
      gate.Wait();
    });
  });
  ASSERT_TRUE(testing::WaitForNoFibers());
}

TEST_P(BlockingTest, ExceptionsPassThrough) {
  RunInFiber([] {
    EXPECT_THROW(Blocking([] { throw std::runtime_error("no"); }), std::runtime_error);
    Gosched();
  });
}

TEST_P(BlockingTest, ReturnsWhatTheFunctionReturns) {
  RunInFiber([] {
    int value = 0;
    static_assert(std::is_same_v<decltype(Blocking([&]() -> int& { return value; })), int&>);
    Blocking([&]() -> int& { return value; }) = 7;
    EXPECT_EQ(value, 7);
    EXPECT_EQ(*Blocking([] { return std::make_unique<int>(5); }), 5);
  });
}

TEST_P(BlockingTest, FromAPlainThreadItIsJustACall) {
  EXPECT_EQ(Blocking([] { return 3; }), 3);
}

// The processor comes back through the queue of all, not out of turn and not twice.
TEST_P(BlockingTest, NeverMoreFibersThanProcessors) {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  RunInFiber([&] {
    for (int i = 0; i < 12; ++i) {
      Go([&] {
        for (int j = 0; j < Repeat(30); ++j) {
          Blocking([] { usleep(200); });
          const int now = ++running;
          for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
          }
          --running;
        }
      });
    }
  });
  ASSERT_TRUE(testing::WaitForNoFibers());
  EXPECT_LE(most, GetParam());
}

// Each call has a thread of its own; the others go on all the while, on two processors.
TEST(ManyBlockingCallsTest, TenThousandLeaveTheProcessorsToOthers) {
  const int callers = Repeat(10'000);
  const int former_limit = SetMaxThreads(2 * 10'000);
  const int former_procs = GOMAXPROCS(2);
  Gate gate;
  std::atomic<int> inside = 0;
  RunInFiber([&] {
    CallAtTheGate(callers, &inside, &gate);
    while (inside < callers) Gosched();
    // With all of them inside, others have their turns.
    std::atomic<int> turns = 0;
    Go([&] {
      for (int i = 0; i < 100; ++i) {
        ++turns;
        Gosched();
      }
    });
    while (turns < 100) Gosched();
    EXPECT_EQ(inside, callers);
    gate.Open(callers);
  });
  ASSERT_TRUE(testing::WaitForNoFibers());
  GOMAXPROCS(former_procs);
  SetMaxThreads(former_limit);
}

class ThreadLimitDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(ThreadLimitDeathTest, OneCallTooManyIsFatal) {
  EXPECT_EXIT(
      {
        SetMaxThreads(4);
        Gate gate;
        for (int i = 0; i < 8; ++i) Go([&] { Blocking([&] { gate.Wait(); }); });
        pause();
      },
      ::testing::ExitedWithCode(2), "fatal error: thread exhaustion: .* limit of 4 threads");
}

}  // namespace
}  // namespace weft
