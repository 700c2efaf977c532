#include "weft/sched/internal/race.h"

#if defined(WEFT_RACE)

#include <link.h>
#include <sanitizer/tsan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/parkable.h"

// Of the sanitizer's interface for virtual machines, which have memory that is not malloc()'s.
extern "C" {
void __tsan_java_init(uintptr_t heap, uintptr_t bytes);
void __tsan_java_alloc(uintptr_t begin, uintptr_t bytes);
void __tsan_java_free(uintptr_t begin, uintptr_t bytes);
}

namespace weft::race {
namespace {

constexpr uintptr_t kPage = 4096;
constexpr uintptr_t kLastAddress = uintptr_t{1} << 47;

void ForgetRange(uintptr_t begin, uintptr_t end) {
  [[maybe_unused]] static const bool initialized = [] {
    __tsan_java_init(kPage, kLastAddress - kPage);
    return true;
  }();
  __tsan_java_free(begin, end - begin);
  __tsan_java_alloc(begin, end - begin);
}

// The size of the program's own thread-local block, which ends at the thread pointer.
#if defined(__x86_64__)
uintptr_t ProgramThreadLocalBytes() {
  uintptr_t bytes = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* result) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          if (header.p_type != PT_TLS) continue;
          const uintptr_t align = std::max<uintptr_t>(header.p_align, 8);
          *static_cast<uintptr_t*>(result) = (header.p_memsz + align - 1) / align * align;
        }
        return 1;  // the first is the program
      },
      &bytes);
  return bytes;
}
#endif

// Where the first page of [begin, end) is that has ever been touched; `end` if none was.
uintptr_t FirstTouched(uintptr_t begin, uintptr_t end) {
  constexpr size_t kBatch = 256;
  unsigned char resident[kBatch];
  while (begin < end) {
    const size_t pages = std::min<size_t>(kBatch, (end - begin) / kPage);
    if (mincore(reinterpret_cast<void*>(begin), pages * kPage, resident) != 0) return begin;
    for (size_t i = 0; i < pages; ++i, begin += kPage) {
      if ((resident[i] & 1) != 0) return begin;
    }
  }
  return end;
}

}  // namespace

void AcquireReleaseFor(Parkable* waiter, const void* its_key, const void* key) {
  // Parked for good: the caller alone may ready it. So its context can be borrowed.
  if (waiter->is_fiber && waiter->token.parked()) {
    void* const self = __tsan_get_current_fiber();
    void* const its = static_cast<sched_internal::Fiber*>(waiter)->sanitizer.tsan_fiber;
    __tsan_switch_to_fiber(its, __tsan_switch_to_fiber_no_sync);
    Acquire(key);
    Release(key);
    __tsan_switch_to_fiber(self, __tsan_switch_to_fiber_no_sync);
    return;
  }
  Acquire(its_key);
  Acquire(key);
  Release(key);
}

// A fresh context has none.
void BeginExit() { __tsan_switch_to_fiber(__tsan_create_fiber(0), __tsan_switch_to_fiber_no_sync); }

void Forget(void* begin, size_t bytes) {
  // Untouched pages have nothing to forget, and forgetting takes time for each word.
  const uintptr_t start = reinterpret_cast<uintptr_t>(begin) & ~(kPage - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(begin) + bytes + kPage - 1) & ~(kPage - 1);
  const uintptr_t first = FirstTouched(start, end);
  if (first == end) return;
  ForgetRange(first, end);
}

void ForgetThreadLocals() {
  const uintptr_t own_errno = reinterpret_cast<uintptr_t>(&errno) & ~uintptr_t{7};
  ForgetRange(own_errno, own_errno + 8);
#if defined(__x86_64__)
  static const uintptr_t bytes = ProgramThreadLocalBytes();
  uintptr_t thread_pointer;
  asm("movq %%fs:0, %0" : "=r"(thread_pointer));
  if (bytes != 0) ForgetRange(thread_pointer - bytes, thread_pointer);
#endif
}

}  // namespace weft::race

#endif
