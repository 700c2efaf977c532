// The border between the runtime's code and everybody else's, on a worker's way across it: while
// the worker is outside, its processor can be taken from it.
//
// That is so when its fiber is in a BlockingRegion, or runs on and on. Whoever takes, writes
// `interrupt`, has every thread of the process execute a memory barrier, and only then reads
// `in_user_code`; the worker clears `in_user_code` and then reads `interrupt`, with no barrier of
// its own. So one of the two sees the other. (../DESIGN.md, "Taking a processor".)
//
// Thread safety: everything is touched by the worker's own thread only, except where it says
//   otherwise.
// Blocks: EnterRuntime(): the thread, while somebody tries to take the processor.
// Cost: two plain stores and a load on the way in and out.
#ifndef WEFT_SCHED_INTERNAL_RUNTIME_GATE_H_
#define WEFT_SCHED_INTERNAL_RUNTIME_GATE_H_

#include <cstdint>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/process_barrier.h"
#include "weft/sched/internal/spin_lock.h"

namespace weft::sched_internal {

template <typename Processor>
struct RuntimeGate {
  // Written by the worker. Read by whoever takes the processor. True: the runtime's own data are
  // not being touched on behalf of this worker.
  Atom<bool> in_user_code{false};
  // Written by anybody: the next entry to the runtime must take the slow path. Reset by the worker
  // when it enters the scheduler proper.
  Atom<bool> interrupt{false};
  // The processor was taken, and the worker has not been in the scheduler since. Ordered by
  // handoff.
  bool detached = false;
  // Likewise, and for running on, not for a blocking call. Ordered by handoff.
  bool displaced = false;
  // Odd: in a BlockingRegion. Written by the worker; a statistic to sysmon.
  Atom<uint32_t> blocking{0};
  // Held while somebody tries to take the processor.
  SpinLock handoff;

  // From code that is not the runtime's into the runtime. What the caller then finds in processor()
  // is the caller's until LeaveRuntime(), or until it enters the scheduler. False: there is a
  // request, and perhaps no processor.
  bool EnterRuntime() {
    // ORDER(worker.user): relaxed; the other side's barrier puts this store before the load below.
    in_user_code.store(false, std::memory_order_relaxed);
    BarrierForOthers();
    // ORDER(worker.user): relaxed; see above.
    if (!interrupt.load(std::memory_order_relaxed)) [[likely]]
      return true;
    AwaitHandOff();
    return false;
  }

  void LeaveRuntime() {
    // ORDER(worker.user): release; pairs with the acquire in TakeProcessor(). Publishes what was
    // done to the processor.
    in_user_code.store(true, std::memory_order_release);
  }

  // The way out at the begin of a BlockingRegion. False: in one already.
  bool BeginBlocking() {
    const uint32_t value = blocking.load(std::memory_order_relaxed);  // owner-only
    if (value % 2 == 1) return false;
    // A fiber that parks inside leaves through the scheduler proper, which ends the region.
    interrupt.store(true, std::memory_order_relaxed);      // read by the same thread
    blocking.store(value + 1, std::memory_order_relaxed);  // a statistic to sysmon
    return true;
  }

  // Does nothing if the fiber has parked inside its region.
  void StopBlocking() {
    const uint32_t value = blocking.load(std::memory_order_relaxed);  // owner-only
    if (value % 2 == 1) blocking.store(value + 1, std::memory_order_relaxed);
  }

  // Null: holds none. Written by the worker in the runtime, by whoever wakes it, and by whoever
  // takes the processor from it.
  Processor* processor() const {
    return processor_.load(std::memory_order_relaxed);  // ordered by in_user_code, wake and handoff
  }
  void set_processor(Processor* processor) {
    processor_.store(processor, std::memory_order_relaxed);  // as above
  }

 private:
  // Whoever tries to take the processor just now decides before we go on.
  [[gnu::cold, gnu::noinline]] void AwaitHandOff() {
    handoff.lock();
    handoff.unlock();
  }

  Atom<Processor*> processor_{nullptr};
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_RUNTIME_GATE_H_
