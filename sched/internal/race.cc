#include "weft/sched/internal/race.h"

#if defined(WEFT_RACE)

#include <link.h>
#include <sanitizer/tsan_interface.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/parkable.h"
#include "weft/sched/panic.h"

// Of the sanitizer's interface for virtual machines, which have memory that is not malloc()'s.
extern "C" {
void __tsan_java_init(uintptr_t heap, uintptr_t bytes);
void __tsan_java_alloc(uintptr_t begin, uintptr_t bytes);
void __tsan_java_free(uintptr_t begin, uintptr_t bytes);

void AnnotateBenignRaceSized(const char* file, int line, uintptr_t begin, uintptr_t bytes,
                             const char* what);
}

namespace weft::race {
namespace {

constexpr uintptr_t kPage = 4096;

// All stacks are in one range, so that it can be named to the sanitizer. It looks for what an
// address belongs to downwards through that range, so nothing else must be in it.
constexpr uintptr_t kRegionBytes = uintptr_t{1} << 36;

uintptr_t Region() {
  static const uintptr_t region = [] {
    // Not mmap(), which the sanitizer takes for an access to all of it.
    const long base = syscall(SYS_mmap, nullptr, kRegionBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == -1) Fatal("cannot reserve address space for fiber stacks under ThreadSanitizer");
    __tsan_java_init(static_cast<uintptr_t>(base), kRegionBytes);
    return static_cast<uintptr_t>(base);
  }();
  return region;
}

constinit sched_internal::Atom<uintptr_t> region_used{0};

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
  __tsan_java_alloc(first, end - first);
  __tsan_java_free(first, end - first);
  // Where the search for what an address belongs to may stop.
  __tsan_java_alloc(start, 8);
}

void* MapStacks(size_t bytes) {
  const uintptr_t region = Region();
  bytes = (bytes + kPage - 1) & ~(kPage - 1);
  // Relaxed: only unique.
  const uintptr_t begin = region_used.fetch_add(bytes, std::memory_order_relaxed);
  return begin + bytes > kRegionBytes ? MAP_FAILED : reinterpret_cast<void*>(region + begin);
}

void ShareThreadLocals() {
  const uintptr_t own_errno = reinterpret_cast<uintptr_t>(&errno);
  AnnotateBenignRaceSized(__FILE__, __LINE__, own_errno, sizeof errno, "errno");
#if defined(__x86_64__)
  static const uintptr_t bytes = ProgramThreadLocalBytes();
  uintptr_t thread_pointer;
  asm("movq %%fs:0, %0" : "=r"(thread_pointer));
  if (bytes == 0) return;
  AnnotateBenignRaceSized(__FILE__, __LINE__, thread_pointer - bytes, bytes, "thread-local");
#endif
}

}  // namespace weft::race

#endif
