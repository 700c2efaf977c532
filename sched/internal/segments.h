// Growing a segmented stack, and what a worker's thread needs for that.
#ifndef WEFT_SCHED_INTERNAL_SEGMENTS_H_
#define WEFT_SCHED_INTERNAL_SEGMENTS_H_

#include <cstddef>
#include <cstdint>

#include "weft/sched/internal/stack_segment.h"
#include "weft/sched/internal/thread_local.h"

namespace weft::sched_internal {

// Gives back everything but the first segment. The fiber has ended, or never began.
void ReleaseSegments(FiberStack* stack);

// Bytes of all segments together.
size_t SegmentedBytes(const FiberStack& stack);

// The limit of SegmentedBytes(); returns the former one.
size_t ExchangeMaxStack(size_t bytes);
size_t MaxStack();

// On a worker's own thread, at its begin and end: where sysmon finds the guard word, and an
// alternate stack for signal handlers.
void PrepareWorkerStack(ThreadLocals* locals);
void ReleaseWorkerStack(ThreadLocals* locals);

// By sysmon: the next prologue of the thread's fiber leaves the processor, if the thread's
// `preempt` is set by then. `locals` of a worker that lives.
void PoisonGuard(ThreadLocals* locals);

// How often fibers have left their processor in a prologue.
uint64_t PrologueYields();

// Frame pointers lead across segments: the bounds of the piece of the stack of `fiber` in which
// `address` is. False: in none.
struct StackBounds {
  uintptr_t low = 0;
  uintptr_t high = 0;
};
bool FindBounds(const FiberStack& stack, uintptr_t address, StackBounds* bounds);

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_SEGMENTS_H_
