// The control block of a fiber. It lives at the top of the fiber's own stack slot, in the same page
// as the first frames, so that a parked fiber costs one page.
#ifndef WEFT_SCHED_INTERNAL_FIBER_H_
#define WEFT_SCHED_INTERNAL_FIBER_H_

#include <cstddef>
#include <cstdint>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/eh_globals.h"
#include "weft/sched/internal/parkable.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/park.h"

namespace weft::sched_internal {

struct Worker;

enum class FiberStatus : uint8_t {
  kDead,      // the slot is free
  kRunnable,  // in a run queue
  kRunning,   // on a worker
  kWaiting,   // parked, or about to be
};

struct alignas(64) Fiber : Parkable {
  Fiber() : Parkable(/*is_fiber=*/true) {}

  // Touched by every switch. Written by whoever runs or queues the fiber; ordered by the queues, so
  // relaxed.
  Atom<void*> sp{nullptr};  // atomic because others prefetch what it points to
  EhGlobals eh;
  // Where a segmented stack's prologues compare (%fs:0x70 while running); null: the fixed kind.
  void* stack_guard = nullptr;
  // The worker whose thread this fiber alone may use; null: any. Written by the fiber.
  Worker* locked_to = nullptr;
  // Read by dumps while the fiber lives its life: relaxed, a statistic.
  Atom<FiberStatus> status{FiberStatus::kDead};
  Atom<WaitReason> wait_reason{WaitReason::kNone};
  bool goexit = false;            // owner only
  uint32_t lock_depth = 0;        // of LockOSThread(); owner only
  uint8_t size_class = 0;         // constant
  Atom<int64_t> parked_since{0};  // coarse monotonic ns; a statistic

  // Constant while it lives.
  uint64_t id = 0;
  const char* name = nullptr;
  void (*run)(void* closure) = nullptr;
  void* closure = nullptr;
  uint64_t creator_id = 0;  // 0: a plain thread
  void* creator_pcs[2] = {};

  // Constant as long as the slot exists: the usable stack is [stack_low, this).
  char* stack_low = nullptr;

  [[no_unique_address]] SanitizerContext sanitizer;

  // Where weft_switch_context() saves the stack pointer.
  void** saved_sp() { return reinterpret_cast<void**>(&sp); }
  size_t stack_bytes() const { return reinterpret_cast<const char*>(this) - stack_low; }
};

static_assert(sizeof(Atom<void*>) == sizeof(void*),
              "weft_switch_context() writes Fiber::sp as a plain pointer");
static_assert(sizeof(Fiber) <= 256,
              "the control block shares a page with the fiber's first frames");

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_FIBER_H_
