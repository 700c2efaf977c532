// A processor: the right to run fibers, and everything that only its holder touches. There are
// GOMAXPROCS of them; a worker thread holds one while it runs fibers.
//
// Go: the P.
#ifndef WEFT_SCHED_INTERNAL_PROCESSOR_H_
#define WEFT_SCHED_INTERNAL_PROCESSOR_H_

#include <cstdint>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/idle_workers.h"
#include "weft/sched/internal/latency_histogram.h"
#include "weft/sched/internal/lifo_slot.h"
#include "weft/sched/internal/local_queue.h"
#include "weft/sched/internal/run_ring.h"
#include "weft/sched/internal/stack_arena.h"
#include "weft/sched/internal/thread_local.h"
#include "weft/sched/internal/timer_queue.h"
#include "weft/sched/timer.h"

namespace weft::sched_internal {

struct Worker;

struct alignas(kCacheLinePair) Processor {
  Processor(int id, int64_t now_ns) : id(id), timers(now_ns) {}
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;

  // The next fiber of this processor, or null when the scheduler proper must look: nothing here, or
  // its turn has come. Holder only.
  Fiber* PickLocal();
  // After a fiber was taken from the ring. Holder only.
  void TookFromRing();

  // Makes `fiber` the next to run; returns the fiber that it displaced, or null. Holder only.
  Fiber* PutLifo(Fiber* fiber) { return lifo.Put(fiber); }

  // Anybody; thieves only take what has been there for a while.
  Fiber* TakeLifo() { return lifo.Take(); }

  // Holder only, before `fiber` is queued: in one case of 256 its wait is measured.
  void SampleReady(Fiber* fiber) {
    if ((++ready_count & kSampleMask) == 0) [[unlikely]]
      fiber->since.store(MonotonicNanos(), std::memory_order_relaxed);  // published by the queue
  }
  // The same for one that yields at the end of a round, which is as good as a count.
  void SampleYield(Fiber* fiber) {
    if ((round.load(std::memory_order_relaxed) & kSampleMask) == 0)     // holder-only
      fiber->since.store(MonotonicNanos(), std::memory_order_relaxed);  // published by the queue
  }
  // Holder only, before `fiber` runs.
  void RecordRunning(Fiber* fiber) {
    const int64_t since = fiber->since.load(std::memory_order_relaxed);  // published by the queue
    if (since != 0) [[unlikely]]
      RecordLatency(fiber, since);
  }

  // Holder only.
  uint32_t NextRound() {
    const uint32_t next = round.load(std::memory_order_relaxed) + 1;  // holder-only
    round.store(next, std::memory_order_relaxed);                     // a statistic to others
    return next;
  }

  // Holder only.
  void NextTimeSlice() {
    // Relaxed: holder-only, and a statistic to others.
    time_slice.store(time_slice.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  const int id;

  // Holder only.
  uint32_t round_mask = 0;    // when (round & round_mask) == 0 the scheduler looks at timers
  uint32_t global_slice = 0;  // the time slice in which the global queue came first
  uint32_t ready_count = 0;
  uint64_t next_fiber_id = 0;  // ids are handed out in batches
  uint64_t last_fiber_id = 0;
  static constexpr int kStackCache = 64;
  static constexpr int kStackCaches = 2;            // of the default size of each kind
  Fiber* stacks[kStackCaches][kStackCache];         // dead fibers, warm
  Processor* next_idle = nullptr;                   // guarded by the scheduler's lock
  ProcessorState state = ProcessorState::kRetired;  // guarded by the scheduler's lock

  // Written by the holder, read by anybody. Relaxed: statistics, summed by NumFiber() and sampled
  // by sysmon.
  Atom<uint64_t> started{0};
  Atom<uint64_t> ended{0};
  Atom<int> stack_count[kStackCaches] = {0, 0};  // of `stacks`
  Atom<uint32_t> round{0};                       // scheduling decisions
  Atom<uint32_t> time_slice{0};                  // changes when another fiber gets a new slice
  // Who holds it; null: nobody, or a worker that is being woken or started. Written by the holder
  // and by whoever takes it from him.
  Atom<Worker*> holder{nullptr};

  alignas(kCacheLinePair) LifoSlot lifo;
  RunRing ring;
  TimerQueue timers;
  LatencyHistogram latencies;  // written by the holder

  static constexpr uint32_t kPrefetchFiber = 8;
  static constexpr uint32_t kPrefetchStack = 3;
  static constexpr uint32_t kRoundMask = 63;
  static constexpr uint32_t kRoundMaskTimers = 15;  // when it has timers
  static constexpr uint32_t kGlobalSlices = 64;     // Go: 61
  static constexpr uint32_t kSampleMask = 255;

 private:
  void RecordLatency(Fiber* fiber, int64_t since_ns);
};

inline Fiber* Processor::PickLocal() {
  if ((NextRound() & round_mask) == 0) [[unlikely]]
    return nullptr;
  const auto [fiber, from_slot] = TakeLocal(lifo, ring);
  if (fiber != nullptr && !from_slot) TookFromRing();
  return fiber;
}

inline void Processor::TookFromRing() {
  // One from the slot goes on with the time slice of its waker.
  NextTimeSlice();
  // A fiber that has waited long is cold, if many have run since: fetch its control block, and a
  // few rounds later the top of its stack.
  if (Fiber* later = ring.Peek(kPrefetchFiber)) {
    __builtin_prefetch(later);
    // Relaxed: a hint; the fiber may have been stolen.
    if (Fiber* soon = ring.Peek(kPrefetchStack)) {
      __builtin_prefetch(soon->sp.load(std::memory_order_relaxed));
    }
  }
}

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_PROCESSOR_H_
