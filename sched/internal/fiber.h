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
#include "weft/sched/internal/stack_segment.h"
#include "weft/sched/park.h"

namespace weft::sched_internal {

struct Worker;
class FiberValues;
struct LabelSet;

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
  // The worker whose thread this fiber alone may use; null: any. Written by the fiber.
  Worker* locked_to = nullptr;
  // Read by dumps while the fiber lives its life: relaxed, a statistic.
  Atom<FiberStatus> status{FiberStatus::kDead};
  Atom<WaitReason> wait_reason{WaitReason::kNone};
  bool goexit = false;            // owner only
  uint32_t lock_depth = 0;        // of LockOSThread(); owner only
  uint8_t size_class = 0;         // constant
  uint32_t bubble = 0;            // constant while it lives: its simulated world; 0: none
  // Monotonic ns, a statistic. kWaiting: about when it parked. kRunnable: since when, if how long
  // that takes is sampled, else 0. kRunning: 0.
  Atom<int64_t> since{0};
  FiberStack stack;  // its first word, the guard, is the last that switches touch

  // Constant while it lives.
  uint64_t id = 0;
  const char* name = nullptr;
  void (*run)(void* closure) = nullptr;
  void* closure = nullptr;
  uint64_t creator_id = 0;  // 0: a plain thread
  void* creator_pcs[2] = {};

  // The fiber's own; null: none (fiber_values.h).
  FiberValues* values = nullptr;
  LabelSet* labels = nullptr;

  // The arena's, while it is dead.
  Fiber* next_free = nullptr;
  Fiber* previous_free = nullptr;

  [[no_unique_address]] SanitizerContext sanitizer;

  // Where weft_switch_context() saves the stack pointer.
  void** saved_sp() { return reinterpret_cast<void**>(&sp); }
  // The first segment of the stack, or all of it, is [stack_low(), this).
  char* stack_low() const { return stack.first.low; }
  size_t stack_bytes() const { return reinterpret_cast<const char*>(this) - stack_low(); }
};

static_assert(sizeof(Atom<void*>) == sizeof(void*),
              "weft_switch_context() writes Fiber::sp as a plain pointer");
static_assert(sizeof(Fiber) <= 256,
              "the control block shares a page with the fiber's first frames");

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_FIBER_H_
