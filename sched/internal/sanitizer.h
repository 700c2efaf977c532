// What the sanitizers must be told about stacks that change under a thread. Everything here is
// empty in a normal build.
//
// AddressSanitizer wants to know the bounds of the stack that is switched to, before and after the
// switch. ThreadSanitizer keeps one shadow state per fiber. LeakSanitizer must scan the stacks of
// parked fibers.
#ifndef WEFT_SCHED_INTERNAL_SANITIZER_H_
#define WEFT_SCHED_INTERNAL_SANITIZER_H_

#include <climits>
#include <cstddef>
#include <cstdint>

#include "weft/sched/internal/atomic.h"

#if defined(__SANITIZE_ADDRESS__)
#define WEFT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_ASAN 1
#endif
#endif

// WEFT_RACE: also in the runtime's own files, which are compiled without instrumentation then.
#if defined(__SANITIZE_THREAD__) || defined(WEFT_RACE)
#define WEFT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_TSAN 1
#endif
#endif

#if defined(WEFT_ASAN)
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if defined(WEFT_TSAN)
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#endif

#if defined(WEFT_TSAN)
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}
#endif

namespace weft::sched_internal {

#if defined(WEFT_TSAN)
// How many fibers live at once, and may. gcc's sanitizer up to version 12 knows 8,128 threads and
// fibers, and gives up without a word of fibers.
inline constinit Atom<int> sanitized_fibers{0};
#if defined(__clang__) || __GNUC__ > 12
inline constexpr int kMaxSanitizedFibers = INT_MAX;
#else
inline constexpr int kMaxSanitizedFibers = 8'000;
#endif
[[noreturn]] void FatalTooManySanitizedFibers();
#endif

// For the scope, ThreadSanitizer does not look at what the caller reads: a dump reads what others
// are about to write.
class SanitizerIgnoreReads {
 public:
  SanitizerIgnoreReads() {
#if defined(WEFT_TSAN)
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
#endif
  }
  ~SanitizerIgnoreReads() {
#if defined(WEFT_TSAN)
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
#endif
  }
  SanitizerIgnoreReads(const SanitizerIgnoreReads&) = delete;
  SanitizerIgnoreReads& operator=(const SanitizerIgnoreReads&) = delete;
};

#if defined(WEFT_TSAN)
inline constexpr bool kTsan = true;
#else
inline constexpr bool kTsan = false;
#endif
#if defined(WEFT_ASAN)
inline constexpr bool kAsan = true;
#else
inline constexpr bool kAsan = false;
#endif

// One per fiber, and one per worker for the thread's own stack.
struct SanitizerContext {
#if defined(WEFT_ASAN)
  const void* stack_bottom = nullptr;
  size_t stack_bytes = 0;
  void* fake_stack = nullptr;
#endif
#if defined(WEFT_TSAN)
  void* tsan_fiber = nullptr;
#endif

  // For the thread's own stack; called on that thread.
  void InitForThread() {
#if defined(WEFT_ASAN)
    pthread_attr_t attributes;
    pthread_getattr_np(pthread_self(), &attributes);
    void* bottom = nullptr;
    pthread_attr_getstack(&attributes, &bottom, &stack_bytes);
    pthread_attr_destroy(&attributes);
    stack_bottom = bottom;
#endif
#if defined(WEFT_TSAN)
    tsan_fiber = __tsan_get_current_fiber();
#endif
  }

  // Shown in the detector's reports. To be called once the fiber has its number.
  void Name([[maybe_unused]] uint64_t id, [[maybe_unused]] const char* name) {
#if defined(WEFT_TSAN)
    char text[64];
    std::snprintf(text, sizeof text, name == nullptr ? "fiber %llu" : "fiber %llu %s",
                  static_cast<unsigned long long>(id), name);
    __tsan_set_fiber_name(tsan_fiber, text);
#endif
  }

  // For a new fiber on [bottom, bottom + bytes).
  void InitForFiber([[maybe_unused]] void* bottom, [[maybe_unused]] size_t bytes) {
#if defined(WEFT_ASAN)
    stack_bottom = bottom;
    stack_bytes = bytes;
    fake_stack = nullptr;
    __asan_unpoison_memory_region(bottom, bytes);
#endif
#if defined(WEFT_TSAN)
    // Relaxed: a count.
    if (sanitized_fibers.fetch_add(1, std::memory_order_relaxed) >= kMaxSanitizedFibers) {
      FatalTooManySanitizedFibers();
    }
    tsan_fiber = __tsan_create_fiber(0);
#endif
  }

  // The fiber has ended and been left.
  void DestroyForFiber() {
#if defined(WEFT_TSAN)
    sanitized_fibers.fetch_sub(1, std::memory_order_relaxed);  // a count
    __tsan_destroy_fiber(tsan_fiber);
    tsan_fiber = nullptr;
#endif
  }
};

// Just before the switch. `ends`: `from` will never run again. `ordered`: what `from` has done
// happens before what `to` does next. With the race detector that is so in worlds of sim.h only,
// where the order in which fibers run is what a test is about; elsewhere it says nothing (race.h).
inline void SanitizerBeforeSwitch([[maybe_unused]] SanitizerContext& from,
                                  [[maybe_unused]] SanitizerContext& to,
                                  [[maybe_unused]] bool ends, [[maybe_unused]] bool ordered) {
#if defined(WEFT_ASAN)
  __sanitizer_start_switch_fiber(ends ? nullptr : &from.fake_stack, to.stack_bottom,
                                 to.stack_bytes);
#endif
#if defined(WEFT_TSAN)
#if defined(WEFT_RACE)
  __tsan_switch_to_fiber(to.tsan_fiber, ordered ? 0 : __tsan_switch_to_fiber_no_sync);
#else
  __tsan_switch_to_fiber(to.tsan_fiber, 0);
#endif
#endif
}

// Just after the switch, on the stack of `self`.
inline void SanitizerAfterSwitch([[maybe_unused]] SanitizerContext& self) {
#if defined(WEFT_ASAN)
  __sanitizer_finish_switch_fiber(self.fake_stack, nullptr, nullptr);
#endif
}

// Has the leak detector scan [start, start + bytes) for pointers.
inline void SanitizerScanForPointers([[maybe_unused]] void* start, [[maybe_unused]] size_t bytes) {
#if defined(WEFT_ASAN)
  __lsan_register_root_region(start, bytes);
#endif
}

// No longer.
inline void SanitizerForgetPointers([[maybe_unused]] void* start, [[maybe_unused]] size_t bytes) {
#if defined(WEFT_ASAN)
  __lsan_unregister_root_region(start, bytes);
#endif
}

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_SANITIZER_H_
