// The mutexes of the C library that the calling thread has locked, found by what memory looks like:
// nobody tells, and nobody is asked to.
//
// A pthread_mutex_t that is locked names its owner's thread, beside counts that have to fit; so does
// a pthread_rwlock_t that is locked for writing. Whoever is to unlock it later holds a pointer to it,
// or to the object that it is in, on its stack or in a register, or it is a variable of static
// storage duration. So this looks at all of these, and at what pointers lead to.
//
// What is found is locked by this thread, except for a copy of such bytes, or numbers that happen to
// be the same. Not found: one that is
// further than kWindow bytes behind what a pointer leads to, or reached by two pointers and both
// read again for the unlocking; variables in a piece of static storage above kMaxStaticBytes; locks
// for reading, which name nobody; mutexes with priority inheritance; any without glibc.
#ifndef WEFT_SCHED_INTERNAL_HELD_MUTEXES_H_
#define WEFT_SCHED_INTERNAL_HELD_MUTEXES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft::sched_internal {

struct AddressRange {
  uintptr_t low;
  uintptr_t high;
};

struct HeldMutex {
  uintptr_t address;
  // What leads to it, and the outermost word of the stack that this is in; 0 and 0: nothing does.
  // The mutex itself if it is a local variable that has no pointer to it.
  uintptr_t pointer;
  uintptr_t seen_at;
};

inline constexpr size_t kWindow = 512;
inline constexpr size_t kMaxStaticBytes = 16 << 20;

// `stack`: the pieces of the calling fiber's stack in use, the innermost first, with the registers
// that a call preserves. Each mutex once. Reads by the kernel, so that no address can fault and no
// sanitizer minds; some 100 µs. Where the kernel forbids that nothing is found.
std::vector<HeldMutex> FindHeldMutexes(const std::vector<AddressRange>& stack);

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_HELD_MUTEXES_H_
