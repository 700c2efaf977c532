// What the race detector is told. Empty unless WEFT_RACE is defined, which --config=tsan does.
//
// ThreadSanitizer takes every atomic operation that it sees for synchronization by the program. The
// runtime's own atomics (run queues, locks of wait queues, reused stacks) would so order fibers
// that have not synchronized at all, and hide their races. Therefore, with WEFT_RACE, atomics
// behind the seam (atomic.h) and the runtime's own code are not seen by the detector, fibers are
// switched without synchronization, and every primitive says by the functions below which order it
// gives: that of Go's memory model, no more. The table is in sched/DESIGN.md.
//
// Go: internal/race.
#ifndef WEFT_SCHED_INTERNAL_RACE_H_
#define WEFT_SCHED_INTERNAL_RACE_H_

#include <cstddef>

#if defined(WEFT_RACE)
extern "C" {
void __tsan_acquire(void* key);
void __tsan_release(void* key);
void __tsan_read1(void* address);
void __tsan_write1(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

namespace weft {
class Parkable;
}  // namespace weft

namespace weft::race {

#if defined(WEFT_RACE)

inline constexpr bool kEnabled = true;

// What happened before any Release(key) so far happens before what follows Acquire(key). A key is
// an address; its memory must be alive, and nothing is stored in it.
inline void Acquire(const void* key) { __tsan_acquire(const_cast<void*>(key)); }
inline void Release(const void* key) { __tsan_release(const_cast<void*>(key)); }

// Count as an access of the program to one byte, for misuse that is to be reported as a race, such
// as a send that nothing orders before or after close().
inline void Read(const void* address) { __tsan_read1(const_cast<void*>(address)); }
inline void Write(const void* address) { __tsan_write1(const_cast<void*>(address)); }

// For the scope, what the caller reads and writes is no access of the program, as it stands for
// another fiber's or is ordered in a way that the detector does not see.
class Ignore {
 public:
  Ignore() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~Ignore() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
  Ignore(const Ignore&) = delete;
  Ignore& operator=(const Ignore&) = delete;
};

// Acquire(key) and Release(key) for `waiter`, who parks or is about to, has called Release(its_key)
// before, and whom nobody but the caller may ready. The caller gets no order from it if it is a
// fiber that has parked already; else that of `its_key`, as there is no other way.
void AcquireReleaseFor(Parkable* waiter, const void* its_key, const void* key);

// To be called before the process ends in the middle of the runtime, where an Ignore may be in
// force, which the sanitizer takes for a mistake then.
void BeginExit();

// On a worker's thread, once: its errno and the program's thread-locals are passed from fiber to
// fiber by whoever runs there, which is no race.
void ShareThreadLocals();

// Address space for stacks, all of it in one range: memory that Forget() may be told of. MAP_FAILED
// if there is no more.
void* MapStacks(size_t bytes);

// [begin, begin + bytes) has been memory of one fiber and will be another's: they are not ordered.
void Forget(void* begin, size_t bytes);

#else

inline constexpr bool kEnabled = false;
inline void Acquire(const void*) {}
inline void Release(const void*) {}
inline void Read(const void*) {}
inline void Write(const void*) {}
class Ignore {
 public:
  Ignore() {}
};
inline void AcquireReleaseFor(Parkable*, const void*, const void*) {}
inline void BeginExit() {}
inline void ShareThreadLocals() {}
inline void Forget(void*, size_t) {}

#endif

}  // namespace weft::race

#endif  // WEFT_SCHED_INTERNAL_RACE_H_
