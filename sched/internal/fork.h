// fork(): the child has one thread, the one that forked, and copies of queues and locks whose
// owners are gone. It may exec or _exit; whatever else of the runtime it uses is fatal, not hung.
#ifndef WEFT_SCHED_INTERNAL_FORK_H_
#define WEFT_SCHED_INTERNAL_FORK_H_

namespace weft::sched_internal {

// Before the first thread is started. Repeated calls do nothing.
void InstallForkHandlers();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_FORK_H_
