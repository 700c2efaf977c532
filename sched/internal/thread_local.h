// The one place where weft uses thread-local storage.
//
// A fiber may be resumed on another thread by any call that can park. A compiler assumes that this
// does not happen: it may compute the address of a thread_local once and use it on both sides of
// the call. So every access goes through an accessor that the compiler can neither cache nor hoist,
// and whatever is per thread hangs from the one `ThreadLocals` of the thread.
//
// Callers still must not keep what they read here across a call that can park.
#ifndef WEFT_SCHED_INTERNAL_THREAD_LOCAL_H_
#define WEFT_SCHED_INTERNAL_THREAD_LOCAL_H_

#include <cstddef>
#include <cstdint>

#include "weft/sched/internal/atomic.h"

namespace weft {
class Parkable;
}  // namespace weft

namespace weft::sched_internal {

struct Worker;

struct ThreadLocals {
  // Offset 0, read by CurrentWorker(). Null on threads that are not workers.
  Worker* worker;
  // Offset 8, read by PreemptRequested(). Not zero: leave at the next safe point. Written by sysmon
  // too.
  std::atomic<uint32_t> preempt;
  // The plain thread as something that can wait; null until it first does. Owner only.
  Parkable* thread;
};

#if defined(__x86_64__)

// `volatile` and the memory clobber keep the read where it is written.
inline Worker* CurrentWorker() {
  Worker* worker;
  asm volatile(
      "movq weft_thread_locals@gottpoff(%%rip), %0\n\t"
      "movq %%fs:(%0), %0"
      : "=r"(worker)
      :
      : "memory");
  return worker;
}

// Not a load of the abstract machine on purpose: one compare, and a stale answer is harmless.
inline bool PreemptRequested() {
  bool requested;
  uint64_t offset;
  asm volatile(
      "movq weft_thread_locals@gottpoff(%%rip), %1\n\t"
      "cmpl $0, %%fs:8(%1)"
      : "=@ccne"(requested), "=&r"(offset));
  return requested;
}

#else

Worker* CurrentWorker();
bool PreemptRequested();

#endif

// The calling thread's own. Not inlined, so that no address survives a switch.
ThreadLocals* CurrentThreadLocals();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_THREAD_LOCAL_H_
