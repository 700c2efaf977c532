// The seam between weft's lock-free code and the memory it runs on.
//
// Every atomic of weft's lock-free protocols is an `Atom<T>`. In a normal build that is
// `std::atomic<T>`. In a model build (`WEFT_MODEL` defined for the translation unit) it is the
// explorer's atomic of sched/testing/model.h, which may reorder and delay as the C++ memory model
// allows, so that the very code that ships is what the explorer runs.
//
// A third kind is for the race detector (`WEFT_RACE`, race.h): an atomic that it does not see,
// since the order that the runtime needs for itself is none of the program's. What stands for an
// atomic of the program is a `VisibleAtom<T>`.
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
#if defined(WEFT_RACE)
#include <type_traits>
#endif

namespace weft::sched_internal {

#if defined(WEFT_MODEL)

template <typename T>
using Atom = model::Atomic<T>;
template <typename T>
using VisibleAtom = Atom<T>;

// Tells the explorer that the caller waits for somebody else's store.
inline void CpuRelax() { model::SpinHint(); }
inline void ThreadYield() { model::SpinHint(); }

#else

template <typename T>
using VisibleAtom = std::atomic<T>;

#if defined(WEFT_RACE)

// Not inlined: a function that the sanitizer leaves alone must not become part of one that it looks
// at.
#if defined(__clang__)
#define WEFT_UNSEEN [[clang::disable_sanitizer_instrumentation, gnu::noinline]]
#else
#define WEFT_UNSEEN [[gnu::no_sanitize("thread"), gnu::noinline]]
#endif

// As std::atomic<T>.
template <typename T>
class UnseenAtomic {
 public:
  constexpr UnseenAtomic() = default;
  constexpr UnseenAtomic(T value) : value_(value) {}
  UnseenAtomic(const UnseenAtomic&) = delete;
  UnseenAtomic& operator=(const UnseenAtomic&) = delete;

  WEFT_UNSEEN T load(std::memory_order = std::memory_order_seq_cst) const {
    T value;
    __atomic_load(&value_, &value, __ATOMIC_SEQ_CST);
    return value;
  }
  WEFT_UNSEEN void store(T value, std::memory_order = std::memory_order_seq_cst) {
    __atomic_store(&value_, &value, __ATOMIC_SEQ_CST);
  }
  WEFT_UNSEEN T exchange(T value, std::memory_order = std::memory_order_seq_cst) {
    T old;
    __atomic_exchange(&value_, &value, &old, __ATOMIC_SEQ_CST);
    return old;
  }
  WEFT_UNSEEN bool compare_exchange_strong(T& expected, T desired,
                                           std::memory_order = std::memory_order_seq_cst,
                                           std::memory_order = std::memory_order_seq_cst) {
    return __atomic_compare_exchange(&value_, &expected, &desired, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                             std::memory_order failure = std::memory_order_seq_cst) {
    return compare_exchange_strong(expected, desired, success, failure);
  }
  WEFT_UNSEEN T
  fetch_add(T n, std::memory_order = std::memory_order_seq_cst) requires std::is_integral_v<T> {
    return __atomic_fetch_add(&value_, n, __ATOMIC_SEQ_CST);
  }
  WEFT_UNSEEN T
  fetch_sub(T n, std::memory_order = std::memory_order_seq_cst) requires std::is_integral_v<T> {
    return __atomic_fetch_sub(&value_, n, __ATOMIC_SEQ_CST);
  }
  WEFT_UNSEEN T
  fetch_and(T mask, std::memory_order = std::memory_order_seq_cst) requires std::is_integral_v<T> {
    return __atomic_fetch_and(&value_, mask, __ATOMIC_SEQ_CST);
  }
  WEFT_UNSEEN T
  fetch_or(T mask, std::memory_order = std::memory_order_seq_cst) requires std::is_integral_v<T> {
    return __atomic_fetch_or(&value_, mask, __ATOMIC_SEQ_CST);
  }
  WEFT_UNSEEN T
  fetch_xor(T mask, std::memory_order = std::memory_order_seq_cst) requires std::is_integral_v<T> {
    return __atomic_fetch_xor(&value_, mask, __ATOMIC_SEQ_CST);
  }

 private:
  alignas(sizeof(T)) T value_{};
};

#undef WEFT_UNSEEN

template <typename T>
using Atom = UnseenAtomic<T>;

#else

template <typename T>
using Atom = std::atomic<T>;

#endif

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
