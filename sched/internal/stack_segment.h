// The stack of a fiber, as __morestack sees it.
//
// A *fixed* stack is one piece of memory. A *segmented* one starts with a piece and gets another,
// twice as large, whenever a function compiled with -fsplit-stack finds in its prologue that the
// stack pointer, less its frame, is below the guard word of the thread (%fs:0x70). Code that was
// not compiled so never looks, and has what is below the guard: kReserveBytes at least.
//
//   slot's end   ┌───────────────┐
//                │ Fiber         │ control block; dead and unused in a segment that was added
//                │ StackSegment  │ of a segment that was added (the first one's is in the Fiber)
//                ├───────────────┤ first frame
//                │ ↓             │ compiled with -fsplit-stack
//   guard word ─▶├───────────────┤ low + kGuardDistance
//                │ red zone, 1 K │ of functions with small frames, which compare the bare stack
//                pointer │ and growth 3 K│ of __morestack itself ├───────────────┤ │ reserve, 32 K
//                │ code that does not look; signal handlers
//   low ────────▶├───────────────┤
//                │ guard page    │
//                └───────────────┘
//
// A segment that was left stays linked as the one to use next, so that a loop that crosses the
// boundary at each turn allocates nothing.
#ifndef WEFT_SCHED_INTERNAL_STACK_SEGMENT_H_
#define WEFT_SCHED_INTERNAL_STACK_SEGMENT_H_

#include <cstddef>
#include <cstdint>

namespace weft::sched_internal {

struct Fiber;
struct StackBlock;

// Offsets and constants here are known to morestack_x86_64.S.
struct StackSegment {
  static constexpr size_t kReserveBytes = 32 << 10;
  static constexpr size_t kGuardDistance = kReserveBytes + (4 << 10);

  StackSegment* prev = nullptr;  // what the first frame of this one returns to; null: the first
  StackSegment* next = nullptr;  // to be used next, or in use
  char* low = nullptr;           // the lowest usable byte; the segment ends at its own address
  StackBlock* blocks = nullptr;  // what alloca() took elsewhere for frames of this segment

  char* guard() const { return low + kGuardDistance; }
};

static_assert(offsetof(StackSegment, prev) == 0);
static_assert(offsetof(StackSegment, next) == 8);
static_assert(offsetof(StackSegment, low) == 16);
static_assert(offsetof(StackSegment, blocks) == 24);
static_assert(StackSegment::kGuardDistance == 36'864);

// Owner only, and read by dumps of parked fibers.
struct FiberStack {
  char* guard = nullptr;  // of `segment`; null in a fixed stack, where no prologue asks for more
  StackSegment* segment = nullptr;  // the one in use
  StackSegment first;

  bool segmented() const { return guard != nullptr; }
};

static_assert(offsetof(FiberStack, guard) == 0);
static_assert(offsetof(FiberStack, segment) == 8);

// Sysmon's value for the guard word: every prologue finds the stack too small.
inline constexpr uintptr_t kPoisonedGuard = ~uintptr_t{0};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_STACK_SEGMENT_H_
