// The seam between weft's lock-free code and the memory it runs on.
//
// Every atomic of weft's lock-free protocols is an `Atom<T>`. In a normal build that is
// `std::atomic<T>`. In a model build (`WEFT_MODEL` defined for the translation unit) it is the
// explorer's atomic of sched/testing/model.h, which may reorder and delay as the C++ memory model
// allows, so that the very code that ships is what the explorer runs.
//
// Rules for the code above the seam: always name the memory order; say at each non-relaxed
// operation which operation is its partner; never wait for another thread except through CpuRelax()
// or ThreadYield().
#ifndef WEFT_SCHED_INTERNAL_ATOMIC_H_
#define WEFT_SCHED_INTERNAL_ATOMIC_H_

#include <atomic>

#if defined(WEFT_MODEL)
#include "weft/sched/testing/model_atomic.h"
#else
#include <sched.h>
#endif

namespace weft::sched_internal {

#if defined(WEFT_MODEL)

template <typename T>
using Atom = model::Atomic<T>;

// Tells the explorer that the caller waits for somebody else's store.
inline void CpuRelax() { model::SpinHint(); }
inline void ThreadYield() { model::SpinHint(); }

#else

template <typename T>
using Atom = std::atomic<T>;

// One turn of a short spin: tens of cycles, no system call.
inline void CpuRelax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// One turn of a long spin: lets the operating system run the thread that is waited for.
inline void ThreadYield() { sched_yield(); }

#endif

// Two adjacent lines: the prefetcher of x86-64 fetches pairs.
inline constexpr int kCacheLinePair = 128;

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_ATOMIC_H_
