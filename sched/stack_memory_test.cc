// What stacks and queues cost while fibers live, and after they have ended.
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/global_queue.h"
#include "weft/sched/internal/processor.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/stack_arena.h"
#include "weft/sched/park.h"
#include "weft/sched/runtime.h"

namespace weft {
namespace {

using sched_internal::Atom;
using sched_internal::Fiber;
using sched_internal::GlobalQueue;
using sched_internal::StackArena;

int64_t ResidentBytes() {
  FILE* file = std::fopen("/proc/self/statm", "r");
  long total = 0, resident = 0;
  EXPECT_EQ(std::fscanf(file, "%ld %ld", &total, &resident), 2);
  std::fclose(file);
  return resident * int64_t{4096};
}

// Starts `count` fibers that park, wakes them all, and waits for their end.
void ParkAndWake(int count, int64_t* resident_at_peak) {
  std::vector<Parkable*> parked(count);
  std::atomic<int> ready{0};
  for (int i = 0; i < count; ++i) {
    Go([&parked, &ready, i] {
      parked[i] = CurrentParkable();
      // ORDER(test.ready): release; pairs with the acquire of the test.
      ready.fetch_add(1, std::memory_order_release);
      Park(WaitReason::kForever);
    });
  }
  while (ready.load(std::memory_order_acquire) != count) usleep(1000);  // ORDER(test.ready)
  *resident_at_peak = ResidentBytes();
  for (Parkable* fiber : parked) Ready(fiber);
  ASSERT_TRUE(Shutdown(absl::Seconds(60)).ok());
}

class StackMemoryTest : public testing::Test {
 protected:
  ~StackMemoryTest() override {
    StackArena::Instance().SetDecayForTesting(StackArena::kDecayNs);
    EXPECT_TRUE(Shutdown(absl::Seconds(60)).ok());
  }
};

TEST_F(StackMemoryTest, GoesBackToTheSystemAfterAPeak) {
  // ThreadSanitizer holds 8,128 fibers, and the sanitizers' shadows do not go back.
  const int fibers = sched_internal::kTsan || sched_internal::kAsan ? 4'000 : 100'000;
  StackArena::Instance().SetDecayForTesting(200'000'000);
  int64_t peak = 0;
  ParkAndWake(100, &peak);  // what a running runtime has in any case
  const int64_t before = ResidentBytes();
  ParkAndWake(fibers, &peak);
  EXPECT_GT(peak - before, fibers * int64_t{4096});
  malloc_trim(0);
  Go([] {});  // the monitor starts again; nothing else runs from here on
  // Each processor keeps some warm stacks.
  const int64_t kept = GOMAXPROCS(0) * sched_internal::Processor::kStackCache * int64_t{2 * 4096};
  // No event tells that memory has gone: it is nobody's business but the system's.
  int64_t after = ResidentBytes();
  const int64_t aim = sched_internal::kTsan || sched_internal::kAsan
                          ? peak - fibers * int64_t{4096} / 2
                          : before + before / 10 + kept;
  for (int i = 0; i < 3'000 && after > aim; ++i) {
    usleep(10'000);
    after = ResidentBytes();
  }
  EXPECT_LE(after, aim) << "before " << before << ", at the peak " << peak;
  // The queue that they all waited in.
  const auto& scheduler = sched_internal::Scheduler::Instance();
  const auto at_first = GlobalQueue::kFirstCapacity;
  for (int i = 0; i < 3'000 && scheduler.queue_capacity() > at_first; ++i) usleep(10'000);
  EXPECT_LE(scheduler.queue_capacity(), at_first);
  std::printf("resident: before %ld KiB, %d fibers %ld KiB, after %ld KiB\n", long(before >> 10),
              fibers, long(peak >> 10), long(after >> 10));
}

TEST(GlobalQueueTest, GivesUpWhatItGrewToWhenEmpty) {
  constexpr int kFibers = 3 * static_cast<int>(GlobalQueue::kFirstCapacity);
  std::vector<Fiber*> in(kFibers);
  for (int i = 0; i < kFibers; ++i) in[i] = reinterpret_cast<Fiber*>(int64_t{64} * (i + 1));
  GlobalQueue queue;
  for (int round = 0; round < 3; ++round) {
    std::vector<Fiber*> out(kFibers);
    queue.Push(in.data(), 1);
    EXPECT_EQ(queue.TakeSpareMemory(), nullptr);
    queue.Push(in.data() + 1, kFibers - 1);
    ASSERT_EQ(queue.Pop(out.data(), kFibers - 1), kFibers - 1);
    EXPECT_EQ(queue.TakeSpareMemory(), nullptr) << "one fiber is left";
    ASSERT_EQ(queue.Pop(out.data() + kFibers - 1, 2), 1);
    EXPECT_EQ(out, in);
    EXPECT_NE(queue.TakeSpareMemory(), nullptr);
    EXPECT_EQ(queue.TakeSpareMemory(), nullptr);
  }
}

// Not the runtime's. Never destroyed, as no arena is, and not lost to the leak detector.
StackArena& OwnArena() {
  static auto* const arenas = new std::vector<StackArena*>;
  return *arenas->emplace_back(new StackArena);
}

TEST(StackArenaTest, ColdSlotsComeBackWhole) {
  StackArena& arena = OwnArena();
  constexpr int kSlots = 700;  // more than one batch of guards, and of decay
  constexpr int kClass = 0;
  arena.SetDecayForTesting(1);
  std::vector<Fiber*> first(kSlots);
  for (int taken = 0; taken < kSlots;) taken += arena.Take(kClass, &first[taken], kSlots - taken);
  for (Fiber* fiber : first) fiber->stack_low()[0] = 1;
  const int64_t in_use = arena.outstanding();
  arena.Give(kClass, first.data(), kSlots);
  EXPECT_EQ(arena.outstanding(), in_use - kSlots);
  int64_t now = 1;
  int64_t due = now;
  for (int i = 0; i < 100 && due != StackArena::kNever; ++i, now += 2) due = arena.Decay(now);
  EXPECT_EQ(due, StackArena::kNever);
  std::vector<Fiber*> second(kSlots);
  for (int taken = 0; taken < kSlots;) taken += arena.Take(kClass, &second[taken], kSlots - taken);
  for (Fiber* fiber : second) {
    EXPECT_EQ(fiber->stack_low()[0], 0);
    EXPECT_EQ(fiber->size_class, kClass);
    fiber->stack_low()[0] = 1;
  }
  // No slot twice, and none new.
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  EXPECT_EQ(first, second);
  arena.Give(kClass, second.data(), kSlots);
}

TEST(StackArenaTest, GuardsAreFoundByTheirAddress) {
  StackArena& arena = OwnArena();
  Fiber* fiber = nullptr;
  ASSERT_EQ(arena.Take(2, &fiber, 1), 1);
  EXPECT_EQ(arena.FiberOfGuard(fiber->stack_low() - 1), fiber);
  EXPECT_EQ(arena.FiberOfGuard(fiber->stack_low() - StackArena::kPageBytes), fiber);
  EXPECT_EQ(arena.FiberOfGuard(fiber->stack_low()), nullptr);
  EXPECT_EQ(arena.FiberOfGuard(&arena), nullptr);
  arena.Give(2, &fiber, 1);
}

TEST(StackArenaDeathTest, GuardsSurviveDecay) {
  StackArena& arena = OwnArena();
  Fiber* fiber = nullptr;
  ASSERT_EQ(arena.Take(1, &fiber, 1), 1);
  char* low = fiber->stack_low();
  arena.Give(1, &fiber, 1);
  arena.SetDecayForTesting(1);
  for (int64_t now = 1; arena.Decay(now) != StackArena::kNever; now += 2) {
  }
  EXPECT_EXIT(
      {
        signal(SIGSEGV, SIG_DFL);
        low[-1] = 1;
      },
      testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EQ(low[0], 0);
}

}  // namespace
}  // namespace weft
