// What the runtime learns from its surroundings: WEFT_* variables and the processors it may use.
#ifndef WEFT_SCHED_INTERNAL_ENVIRONMENT_H_
#define WEFT_SCHED_INTERNAL_ENVIRONMENT_H_

namespace weft::sched_internal {

// The processors in the affinity mask of the process when first asked.
int AffinityProcessors();

// WEFT_MAXPROCS if it is a positive number, else 0.
int RequestedProcessors();

// What GOMAXPROCS is when nobody says: by the affinity mask of the calling thread and the CPU quota
// of the control group, both as they are now. Reads files.
int DefaultProcessors();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_ENVIRONMENT_H_
