// Stacks that grow: compiled with -fsplit-stack where the build has it, and the same rules, as far
// as they make sense, on a large fixed stack where it has not.
#include <alloca.h>
#include <execinfo.h>
#include <immintrin.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/parkable.h"
#include "weft/sched/internal/segments.h"
#include "weft/sched/internal/spawn.h"
#include "weft/sched/internal/stack_kind.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/internal/worker.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using sched_internal::CurrentFiber;
using sched_internal::kStackKind;
using sched_internal::StackKind;

constexpr bool kSegmented = kStackKind == StackKind::kSegmented;
// Fixed stacks get as much address space as the tests need.
constexpr size_t kStackBytes = kSegmented ? 0 : 64 << 20;

size_t SegmentBytes() { return sched_internal::SegmentedBytes(CurrentFiber()->stack); }

class SegmentedStackTest : public testing::WorkerTest {
 protected:
  // Runs fn() in a fiber and waits for its end.
  template <typename Fn>
  void InFiber(Fn fn) {
    Go({.stack_bytes = kStackBytes}, std::move(fn));
    ASSERT_TRUE(testing::WaitForNoFibers());
  }
};

// 200 bytes of frame, more or less. The arguments check that nothing gets lost on the way.
__attribute__((noinline)) uint64_t Recurse(int depth, uint64_t a, double b,
                                           const std::function<void()>& bottom) {
  volatile char frame[128];
  frame[0] = static_cast<char>(depth);
  frame[127] = frame[0];
  if (depth == 0) {
    bottom();
    return a;
  }
  const uint64_t result = Recurse(depth - 1, a + 1, b + 0.5, bottom);
  EXPECT_EQ(frame[127], static_cast<char>(depth));
  return result + static_cast<uint64_t>(b * 0);
}

constexpr int kDeep = kSegmented ? 100'000 : 10'000;  // tens of megabytes

TEST_P(SegmentedStackTest, GrowsAndShrinks) {
  InFiber([] {
    const size_t before = SegmentBytes();
    size_t at_bottom = 0;
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(Recurse(kDeep, 1, 0, [&] { at_bottom = SegmentBytes(); }), 1u + kDeep);
    }
    EXPECT_EQ(SegmentBytes(), before);
    if (kSegmented) {
      EXPECT_LE(before, size_t{64} << 10);
      EXPECT_GE(at_bottom, size_t{kDeep} * 128);
    }
  });
}

TEST_P(SegmentedStackTest, MovesBetweenThreadsAtEveryDepth) {
  for (int i = 0; i < 8; ++i) {
    Go({.stack_bytes = kStackBytes}, [] {
      std::function<void()> yield = [] { Gosched(); };
      for (int depth = 0; depth < 2'000; depth += 37) {
        EXPECT_EQ(Recurse(depth, 7, 1.5, yield), 7u + static_cast<uint64_t>(depth));
      }
    });
  }
}

struct Counted {
  explicit Counted(int* count) : count(count) { ++*count; }
  ~Counted() { --*count; }
  int* count;
};

__attribute__((noinline)) int ThrowAt(int depth, int* alive) {
  Counted counted(alive);
  volatile char frame[512];
  frame[0] = 1;
  if (depth == 0) throw std::runtime_error("bottom");
  return ThrowAt(depth - 1, alive) + frame[0];
}

TEST_P(SegmentedStackTest, ExceptionsPassThroughSegments) {
  InFiber([] {
    const size_t before = SegmentBytes();
    int alive = 0;
    for (int depth : {0, 10, 100, 1'000, 10'000}) {
      try {
        ThrowAt(depth, &alive);
        ADD_FAILURE() << "nothing was thrown";
      } catch (const std::runtime_error& e) {
        EXPECT_STREQ(e.what(), "bottom");
      }
      EXPECT_EQ(alive, 0);
      EXPECT_EQ(SegmentBytes(), before);
    }
    // The guard is the right one afterwards.
    EXPECT_EQ(Recurse(1'000, 1, 0, [] {}), 1'001u);
  });
}

__attribute__((noinline)) int RethrowAt(int depth) {
  volatile char frame[2'000];
  frame[0] = 1;
  try {
    if (depth == 0) throw 17;
    return RethrowAt(depth - 1) + frame[0];
  } catch (int& n) {
    ++n;
    Gosched();
    throw;
  }
}

TEST_P(SegmentedStackTest, ExceptionsAreCaughtAndRethrownInEverySegment) {
  InFiber([] {
    try {
      RethrowAt(300);
    } catch (int n) {
      EXPECT_EQ(n, 17 + 301);
    }
  });
}

TEST_P(SegmentedStackTest, GoexitLeavesAllSegments) {
  int alive = 0;
  InFiber([&alive] {
    Counted counted(&alive);
    Recurse(5'000, 0, 0, [] { Goexit(); });
  });
  EXPECT_EQ(alive, 0);
}

// Everything that is passed somewhere, at every distance from the boundary.
struct Big {
  uint64_t words[9];
};
__attribute__((noinline)) uint64_t Many(int a, uint64_t b, Big big, int c, int d, int e, int f,
                                        int g, double x, float y, long double z, double x2,
                                        double x3, double x4, double x5, double x6, double x7,
                                        double x8) {
  volatile char frame[300];
  frame[5] = 3;
  uint64_t sum = 0;
  for (uint64_t word : big.words) sum += word;
  return sum + static_cast<uint64_t>(a + c + d + e + f + g) + b + frame[5] +
         static_cast<uint64_t>(x + y + z + x2 + x3 + x4 + x5 + x6 + x7 + x8);
}

#if !defined(__clang__)
__attribute__((noinline)) int64_t Variadic(const char* types, ...) {
  volatile char frame[200];
  frame[0] = 0;
  va_list list;
  va_start(list, types);
  int64_t sum = frame[0];
  for (; *types != 0; ++types) {
    sum += *types == 'd' ? static_cast<int64_t>(va_arg(list, double)) : va_arg(list, int64_t);
  }
  va_end(list);
  return sum;
}
#endif

__attribute__((noinline)) void AtEveryDistance(int depth, const std::function<void()>& check) {
  volatile char frame[16];
  frame[0] = 1;
  check();
  if (depth > 0) AtEveryDistance(depth - frame[0], check);
  frame[0] = 2;  // so that the call is not the last thing
}

TEST_P(SegmentedStackTest, ArgumentsAndResultsSurviveTheBoundary) {
  InFiber([] {
    const Big big = {{1, 2, 3, 4, 5, 6, 7, 8, 9}};
    AtEveryDistance(2'000, [&big] {
      ASSERT_EQ(Many(1, 2, big, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 45u + 28 + 3 + 55);
    });
  });
}

TEST_P(SegmentedStackTest, VariadicFunctionsFindTheirArguments) {
#if !defined(__clang__)  // which cannot compile their definitions with -fsplit-stack
  InFiber([] {
    AtEveryDistance(2'000, [] {
      ASSERT_EQ(Variadic("iididdiddddiddiiiid", int64_t{1}, int64_t{2}, 3.0, int64_t{4}, 5.0, 6.0,
                         int64_t{7}, 8.0, 9.0, 10.0, 11.0, int64_t{12}, 13.0, 14.0, int64_t{15},
                         int64_t{16}, int64_t{17}, int64_t{18}, 19.0),
                190);
    });
  });
#endif
}

#if defined(__x86_64__)
__attribute__((noinline, target("avx"))) double SumWide(__m256d a, __m256d b, __m256d c, __m256d d,
                                                        __m256d e, __m256d f, __m256d g, __m256d h,
                                                        __m256d on_stack) {
  volatile char frame[200];
  frame[0] = 0;
  alignas(32) double lanes[4];
  const __m256d first = _mm256_add_pd(_mm256_add_pd(_mm256_add_pd(a, b), _mm256_add_pd(c, d)),
                                      _mm256_add_pd(_mm256_add_pd(e, f), _mm256_add_pd(g, h)));
  _mm256_store_pd(lanes, _mm256_add_pd(first, on_stack));
  return lanes[0] + lanes[1] + lanes[2] + lanes[3] + frame[0];
}

__attribute__((noinline, target("avx"))) void WideAtEveryDistance(int depth) {
  volatile char frame[16];
  frame[0] = 1;
  const __m256d v = _mm256_setr_pd(1, 2, 3, 4);
  ASSERT_EQ(SumWide(v, v, v, v, v, v, v, v, v), 90);
  if (depth > 0) WideAtEveryDistance(depth - frame[0]);
  frame[0] = 2;
}

TEST_P(SegmentedStackTest, WideVectorArgumentsSurviveTheBoundary) {
  if (!__builtin_cpu_supports("avx")) return;
  InFiber([] { WideAtEveryDistance(2'000); });
}
#endif

__attribute__((noinline)) int Alloca(size_t bytes, int fill) {
  auto* memory = static_cast<unsigned char*>(alloca(bytes));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 16, 0u);
  std::memset(memory, fill, bytes);
  volatile int sum = memory[0] + memory[bytes - 1];
  return sum;
}

TEST_P(SegmentedStackTest, AllocaMayBeLargerThanWhatIsLeft) {
  InFiber([] {
    for (size_t bytes : {1'000u, 20'000u, 100'000u, 1'000'000u}) {
      AtEveryDistance(300, [bytes] { ASSERT_EQ(Alloca(bytes, 3), 6); });
    }
  });
}

__attribute__((noinline)) int LargeFrame(int n) {
  volatile char frame[300'000];
  frame[n] = 1;
  frame[299'999] = 2;
  return frame[n] + frame[299'999];
}

TEST_P(SegmentedStackTest, AFrameMayBeLargerThanASegment) {
  InFiber([] { EXPECT_EQ(LargeFrame(5), 3); });
}

__attribute__((noinline)) int CrossAndBack(int n) {
  volatile char frame[64];
  frame[0] = static_cast<char>(n);
  return frame[0];
}

TEST_P(SegmentedStackTest, TheNextSegmentIsKept) {
  InFiber([] {
    AtEveryDistance(400, [] {
      for (int i = 0; i < 100; ++i) ASSERT_EQ(CrossAndBack(i), i);
    });
  });
}

TEST_P(SegmentedStackTest, CodeThatWasNotCompiledWithItHasRoom) {
  InFiber([] {
    // qsort() of libc calls back; printf() of a long double takes kilobytes.
    AtEveryDistance(600, [] {
      int numbers[64];
      for (int i = 0; i < 64; ++i) numbers[i] = (i * 37) % 64;
      qsort(numbers, 64, sizeof(int), [](const void* a, const void* b) {
        return *static_cast<const int*>(a) - *static_cast<const int*>(b);
      });
      ASSERT_TRUE(std::is_sorted(numbers, numbers + 64));
      char text[400];
      std::snprintf(text, sizeof text, "%.300Lf %s", 1.25L, "x");
      ASSERT_EQ(text[0], '1');
    });
  });
}

TEST_P(SegmentedStackTest, BacktraceCrossesSegments) {
  InFiber([] {
    int unwound = 0, walked = 0;
    Recurse(2'000, 0, 0, [&] {
      std::vector<void*> pcs(4'096);
      unwound = backtrace(pcs.data(), 4'096);
      walked = sched_internal::CaptureStack(pcs.data(), 4'096);
    });
    EXPECT_GE(unwound, 2'000);
    EXPECT_LT(unwound, 2'100);
    EXPECT_GE(walked, 2'000);
  });
}

TEST_P(SegmentedStackTest, FramePointersCrossSegments) {
  std::atomic<sched_internal::Fiber*> deep{nullptr};
  Go({.stack_bytes = kStackBytes}, [&deep] {
    Recurse(2'000, 0, 0, [&deep] {
      deep = CurrentFiber();
      Park(WaitReason::kForever);
    });
  });
  using sched_internal::ParkToken;
  while (deep == nullptr || deep.load()->token.word() != ParkToken::kParked) sched_yield();
  std::vector<void*> pcs(4'096);
  const int walked = sched_internal::CaptureParked(*deep.load(), pcs.data(), 4'096);
  EXPECT_GE(walked, 2'000);
  EXPECT_LT(walked, 2'100);
  Ready(deep.load());
}

volatile sig_atomic_t handled;

__attribute__((noinline)) void HandlerBody(int depth) {
  volatile char frame[1'000];
  frame[0] = 1;
  if (depth > 0) HandlerBody(depth - 1);
  handled = handled + frame[0];
}

void OnSignal(int) { HandlerBody(10); }

// Signals that come everywhere, in __morestack too, with and without a stack of their own.
TEST_P(SegmentedStackTest, SignalHandlersRunAnywhere) {
  for (int flags : {0, SA_ONSTACK}) {
    struct sigaction action = {}, former;
    action.sa_handler = &OnSignal;
    action.sa_flags = flags | SA_RESTART;
    ASSERT_EQ(sigaction(SIGALRM, &action, &former), 0);
    const itimerval often = {{0, 200}, {0, 200}};
    const itimerval never = {};
    handled = 0;
    InFiber([&] {
      setitimer(ITIMER_REAL, &often, nullptr);
      while (handled < 2'000) {
        ASSERT_EQ(Recurse(1'000, 3, 1, [] {}), 1'003u);
      }
      setitimer(ITIMER_REAL, &never, nullptr);
    });
    sigaction(SIGALRM, &former, nullptr);
  }
}

TEST_P(SegmentedStackTest, BothKindsLiveTogether) {
  // What consumers' code does that was not compiled for it.
  struct NotSplit {
    static void Start(void (*run)(void*), void* closure) {
      sched_internal::Spawn spawn(StackKind::kFixed, nullptr, 0, sizeof(void*), alignof(void*),
                                  run);
      ::new (spawn.closure()) void*(closure);
      spawn.Start();
    }
  };
  int fixed = 0;
  NotSplit::Start(
      [](void* storage) {
        EXPECT_EQ(SegmentBytes() > 200'000, true);
        EXPECT_FALSE(CurrentFiber()->stack.segmented());
        Gosched();
        **static_cast<int**>(storage) = static_cast<int>(Recurse(200, 1, 0, [] { Gosched(); }));
      },
      &fixed);
  InFiber([] {
    EXPECT_EQ(CurrentFiber()->stack.segmented(), kSegmented);
    EXPECT_EQ(Recurse(5'000, 1, 0, [] { Gosched(); }), 5'001u);
  });
  EXPECT_EQ(fixed, 201);
}

INSTANTIATE_TEST_SUITE_P(Workers, SegmentedStackTest, testing::kWorkerCounts);

}  // namespace
}  // namespace weft
