// no_preempt.h: a scope in which the calling fiber keeps its processor.
//
// In code compiled with -fsplit-stack a fiber whose time slice is over may be made to leave its
// processor by any call, and go on later on another thread. For code that cannot have that: between
// two uses of a thread_local, or of errno; under a std::recursive_mutex, which belongs to a thread;
// in a callback of a library that holds locks, such as dl_iterate_phdr().
//
// Not for critical sections as such: a fiber that is made to leave inside one is slow, not wrong.
//
// Go: nothing public; runtime.acquirem().
//
// Thread safety: a scope is its fiber's or thread's own. Scopes nest.
// Blocks: nothing. The operations of weft that may let others run, such as Park(), a channel's or a
//   mutex's, still do: then the scope goes on when the fiber does, perhaps on another thread.
// Ordering: none.
// Lifetime: destroyed by the fiber that made it.
// Misuse: held for long, it makes all others wait: the scheduler takes the processor away at last.
// Cost: two additions to a thread-local word, 1 ns; no atomic operation.
//
//   {
//     weft::NoPreempt keep;
//     errno = 0;
//     value = std::strtol(text, &end, 10);
//     if (errno == ERANGE) …
//   }
#ifndef WEFT_SCHED_NO_PREEMPT_H_
#define WEFT_SCHED_NO_PREEMPT_H_

#include "weft/sched/internal/thread_local.h"

namespace weft {

class [[nodiscard]] NoPreempt {
 public:
  NoPreempt() { sched_internal::AddNoPreempt(sched_internal::kNoPreemptScope); }
  ~NoPreempt() { sched_internal::AddNoPreempt(0 - sched_internal::kNoPreemptScope); }
  NoPreempt(const NoPreempt&) = delete;
  NoPreempt& operator=(const NoPreempt&) = delete;
};

}  // namespace weft

#endif  // WEFT_SCHED_NO_PREEMPT_H_
