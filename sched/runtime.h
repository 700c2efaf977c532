// runtime.h: control of the runtime as a whole.
//
// The runtime starts by itself with the first Go(). A program that ends simply ends; one that
// unloads, forks workers or wants its threads back calls Shutdown().
#ifndef WEFT_SCHED_RUNTIME_H_
#define WEFT_SCHED_RUNTIME_H_

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace weft {

// Waits until all fibers have ended, then ends all threads of the runtime. A later Go() starts it
// again.
//
// Errors: kDeadlineExceeded if fibers are left after `deadline` (the runtime goes on; the message
//   says how many); kFailedPrecondition when called from a fiber, which could never end.
// Blocks: the calling thread.
// Thread safety: no Go() may run at the same time from a plain thread.
absl::Status Shutdown(absl::Duration deadline);

// The most threads that the runtime may have; returns the former limit, 10,000 at first. A blocking
// call that would need one more is fatal: `thread exhaustion`. Preemption does without.
//
// Go: debug.SetMaxThreads.
int SetMaxThreads(int n);

// Whether a fiber that cannot be preempted, because it comes to no safe point, is stopped by a
// signal (SIGURG) until it has a processor again; returns the former setting, false at first.
// Without, it goes on beside those that have one, so that more than GOMAXPROCS() fibers run.
//
// System calls of such a fiber may return EINTR. A lock of the C library or a std::mutex that it
// holds stays held meanwhile.
bool SetStrictMaxProcs(bool on);

}  // namespace weft

#endif  // WEFT_SCHED_RUNTIME_H_
