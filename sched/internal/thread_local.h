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
struct FiberStack;
struct StackBlock;
class FiberValues;
class HeldLock;
struct LabelSet;

struct ThreadLocals {
  // Offset 0, read by CurrentWorker(). Null on threads that are not workers.
  Worker* worker;
  // Offset 8, read by PreemptRequested(). Not zero: leave at the next safe point. Written by sysmon
  // too.
  Atom<uint32_t> preempt;
  // Offset 12, see AddNoPreempt(): how many NoPreempt scopes (low half) and SpinLocks (high half)
  // the thread is in. Owner only.
  uint32_t no_preempt;
  // The plain thread as something that can wait; null until it first does. Owner only.
  Parkable* thread;
  // Offset 24, read by __morestack. The stack of the fiber that runs; null on the thread's own
  // stack. Owner only.
  FiberStack* stack;
  // The word that prologues compare with the stack pointer, where it is for this thread. Null on
  // threads that are not workers. Sysmon writes kPoisonedGuard through it.
  Atom<uintptr_t>* guard_word;
  // The signals that are blocked outside of all signal handlers; workers only.
  uint64_t signal_mask;
  // What signal handlers run on; workers only. Owner only.
  void* signal_stack;
  // What alloca() took elsewhere on the thread's own stack. Owner only.
  StackBlock* blocks;
  // What FiberLocals and labels hold for the plain thread. Owner only.
  FiberValues* values;
  LabelSet* labels;
  // The locks of threads that are held and checked (held_locks.h). Owner only.
  HeldLock* held;
};

// Units of ThreadLocals::no_preempt.
inline constexpr uint32_t kNoPreemptScope = 1;
inline constexpr uint32_t kNoPreemptSpinLock = 1 << 16;

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

// From here on until the opposite is added the calling fiber is not preempted by its prologues. It
// must not park meanwhile if `units` are those of a SpinLock. No locked instruction: owner only.
inline void AddNoPreempt(uint32_t units) {
  uint64_t offset;
  asm volatile(
      "movq weft_thread_locals@gottpoff(%%rip), %0\n\t"
      "addl %1, %%fs:12(%0)"
      : "=&r"(offset)
      : "ri"(units)
      : "memory", "cc");
}

// What the prologues of functions compiled with -fsplit-stack compare with the stack pointer.
inline constexpr size_t kGuardWordOffset = 0x70;  // in the thread control block, by the ABI
inline void SetGuardWord(void* guard) {
  asm volatile("movq %0, %%fs:0x70" : : "r"(guard) : "memory");
}

#else

Worker* CurrentWorker();
bool PreemptRequested();
void AddNoPreempt(uint32_t units);
inline void SetGuardWord(void*) {}

#endif

// The calling thread's own. Not inlined, so that no address survives a switch.
ThreadLocals* CurrentThreadLocals();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_THREAD_LOCAL_H_
