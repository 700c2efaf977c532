// What the sanitizers must be told about stacks that change under a thread. Everything here is
// empty in a normal build.
//
// AddressSanitizer wants to know the bounds of the stack that is switched to, before and after the
// switch. ThreadSanitizer keeps one shadow state per fiber. LeakSanitizer must scan the stacks of
// parked fibers.
#ifndef WEFT_SCHED_INTERNAL_SANITIZER_H_
#define WEFT_SCHED_INTERNAL_SANITIZER_H_

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define WEFT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
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
#endif

#if defined(WEFT_TSAN)
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}
#endif

namespace weft::sched_internal {

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

  // For a new fiber on [bottom, bottom + bytes).
  void InitForFiber([[maybe_unused]] void* bottom, [[maybe_unused]] size_t bytes) {
#if defined(WEFT_ASAN)
    stack_bottom = bottom;
    stack_bytes = bytes;
    fake_stack = nullptr;
    __asan_unpoison_memory_region(bottom, bytes);
#endif
#if defined(WEFT_TSAN)
    tsan_fiber = __tsan_create_fiber(0);
#endif
  }

  // The fiber has ended and been left.
  void DestroyForFiber() {
#if defined(WEFT_TSAN)
    __tsan_destroy_fiber(tsan_fiber);
    tsan_fiber = nullptr;
#endif
  }
};

// Just before the switch. `ends`: `from` will never run again.
inline void SanitizerBeforeSwitch([[maybe_unused]] SanitizerContext& from,
                                  [[maybe_unused]] SanitizerContext& to,
                                  [[maybe_unused]] bool ends) {
#if defined(WEFT_ASAN)
  __sanitizer_start_switch_fiber(ends ? nullptr : &from.fake_stack, to.stack_bottom,
                                 to.stack_bytes);
#endif
#if defined(WEFT_TSAN)
  __tsan_switch_to_fiber(to.tsan_fiber, 0);
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
