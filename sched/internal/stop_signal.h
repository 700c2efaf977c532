// SetStrictMaxProcs(): the signal that stops a fiber where it is.
#ifndef WEFT_SCHED_INTERNAL_STOP_SIGNAL_H_
#define WEFT_SCHED_INTERNAL_STOP_SIGNAL_H_

namespace weft::sched_internal {

// The handler of SIGURG, which most programs ignore and debuggers pass on. A handler that was there
// before is called for signals that are not ours. Repeated calls do nothing.
void InstallStopHandler();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_STOP_SIGNAL_H_
