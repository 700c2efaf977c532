// A memory barrier on every running thread of the process: the expensive half of an asymmetric
// protocol whose other half then needs none.
#ifndef WEFT_SCHED_INTERNAL_PROCESS_BARRIER_H_
#define WEFT_SCHED_INTERNAL_PROCESS_BARRIER_H_

namespace weft::sched_internal {

// Once, before the first ProcessBarrier().
void RegisterProcessBarrier();

// Everything that another thread does after some point in time during the call comes after a full
// barrier on that thread, everything before it comes before one. Cost: microseconds.
void ProcessBarrier();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_PROCESS_BARRIER_H_
