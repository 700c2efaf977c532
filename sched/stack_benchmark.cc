// What segmented stacks cost where they are crossed, and prologues where they yield. What a
// prologue costs that finds enough room: stack_cost.cc.
#include <cstdint>

#include "benchmark/benchmark.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/internal/worker.h"
#include "weft/sched/no_preempt.h"
#include "weft/sched/testing/fiber_benchmark.h"

namespace {

using weft::bench::OnFiber;
using weft::bench::OnFibers;
using weft::bench::Run;
using weft::sched_internal::CurrentFiber;
using weft::sched_internal::StackSegment;

// Which segment the frame of a small function is in.
__attribute__((noinline)) const StackSegment* Here() { return CurrentFiber()->stack.segment; }

__attribute__((noinline)) int Leaf(int n) {
  asm volatile("" : "+r"(n));
  return n + 1;
}

// Goes down to where a call of a small function crosses into the next segment, or not, and calls
// Leaf() `n` times there.
__attribute__((noinline)) int CallAtBoundary(int64_t n, bool cross, int room) {
  volatile char frame[16];
  frame[0] = 0;
  const bool crosses = Here() != CurrentFiber()->stack.segment;
  if (crosses == cross || room == 0) {
    int sum = frame[0];
    for (; n > 0; --n) sum += Leaf(sum);
    return sum;
  }
  return CallAtBoundary(n, cross, room - 1) + frame[0];
}

void BM_CallInSegment(benchmark::State& state) {
  OnFibers(state, 1, [](int64_t n) { benchmark::DoNotOptimize(CallAtBoundary(n, false, 10'000)); });
}
WEFT_BENCHMARK(BM_CallInSegment);

void BM_CallAcrossSegments(benchmark::State& state) {
  OnFibers(state, 1, [](int64_t n) { benchmark::DoNotOptimize(CallAtBoundary(n, true, 10'000)); });
}
WEFT_BENCHMARK(BM_CallAcrossSegments);

// A prologue that is asked to yield, with another fiber to yield to.
void BM_YieldInPrologue(benchmark::State& state) {
  OnFibers(state, 2, [](int64_t n) {
    for (; n > 0; --n) {
      // As sysmon does.
      weft::sched_internal::Processor* processor =
          weft::sched_internal::CurrentWorker()->processor();
      if (processor != nullptr) weft::sched_internal::Scheduler::Instance().Interrupt(processor);
      benchmark::DoNotOptimize(Leaf(1));
    }
  });
}
WEFT_BENCHMARK(BM_YieldInPrologue);

void BM_NoPreempt(benchmark::State& state) {
  for (auto _ : state) {
    weft::NoPreempt keep;
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_NoPreempt);

void BM_SpinLock(benchmark::State& state) {
  weft::sched_internal::SpinLock lock;
  for (auto _ : state) {
    lock.lock();
    benchmark::ClobberMemory();
    lock.unlock();
  }
}
BENCHMARK(BM_SpinLock);

}  // namespace
