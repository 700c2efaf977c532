#include "weft/sched/internal/thread_local.h"

// A C name, so that the accessors in the header can address it from assembly. Initial-exec: the
// offset from the thread pointer is fixed when the program is loaded.
extern "C" {
__attribute__((tls_model("initial-exec"),
               visibility("default"))) constinit thread_local weft::sched_internal::ThreadLocals
    weft_thread_locals = {};
}

namespace weft::sched_internal {

static_assert(offsetof(ThreadLocals, worker) == 0, "CurrentWorker() reads offset 0");
static_assert(offsetof(ThreadLocals, preempt) == 8, "PreemptRequested() reads offset 8");
static_assert(offsetof(ThreadLocals, no_preempt) == 12, "AddNoPreempt() writes offset 12");
static_assert(offsetof(ThreadLocals, stack) == 24, "__morestack reads offset 24");

__attribute__((noinline)) ThreadLocals* CurrentThreadLocals() {
  ThreadLocals* locals = &weft_thread_locals;
  asm volatile("" : "+r"(locals) : : "memory");
  return locals;
}

#if !defined(__x86_64__)
__attribute__((noinline)) Worker* CurrentWorker() { return CurrentThreadLocals()->worker; }
__attribute__((noinline)) bool PreemptRequested() {
  return CurrentThreadLocals()->preempt.load(std::memory_order_relaxed) != 0;
}
__attribute__((noinline)) void AddNoPreempt(uint32_t units) {
  CurrentThreadLocals()->no_preempt += units;
}
#endif

}  // namespace weft::sched_internal
