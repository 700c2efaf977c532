// Where fibers and their stacks come from.
//
// Address space is reserved in chunks of equal slots, one series of chunks for each size class. A
// slot is, from its low end: a guard page, the stack (a power of two), and at the stack's top the
// fiber's control block. Pages are committed by the first touch. Slots are never unmapped, so a
// Fiber* stays readable for ever, and all fibers can be found by walking the chunks: there is no
// registry to update when a fiber starts or ends.
//
// A free slot is *warm*, in a list, or *cold*: a bit of its chunk, with no memory of its own. Warm
// slots that nobody needed for a while are made cold by Decay(), so that memory goes back to the
// system after a peak. The guards of new slots are made many at a time, and such slots start cold.
//
// Neighbours must not compete for the same sets of the caches. The extra page makes the distance of
// two slots an odd number of pages, which spreads their tops over the sets of the TLB; and the
// control block is placed up to 1 KiB below the top, by slot, which spreads the hot lines over the
// sets of the first-level cache.
//
// Nothing here calls malloc: __morestack comes here from wherever a stack ends.
//
// Thread safety: yes. Blocks: the thread, in a SpinLock and in mmap.
#ifndef WEFT_SCHED_INTERNAL_STACK_ARENA_H_
#define WEFT_SCHED_INTERNAL_STACK_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/spin_lock.h"

namespace weft::sched_internal {

// How the guard below each stack is made.
enum class GuardKind : uint8_t {
  kBatched,      // MADV_GUARD_INSTALL for many slots by one process_madvise, Linux 6.15
  kLightweight,  // MADV_GUARD_INSTALL, Linux 6.13: no mapping of its own
  kMprotect,     // a mapping each; only for the first kMaxMprotectGuards stacks
  kNone,
};

class StackArena {
 public:
  static constexpr size_t kPageBytes = 4096;
  static constexpr size_t kMinStackBytes = 16 << 10;
  static constexpr size_t kDefaultStackBytes = 256 << 10;   // of the fixed kind
  static constexpr size_t kDefaultSegmentBytes = 64 << 10;  // of the segmented kind, to begin with
  static constexpr int kSizeClasses = 17;                   // 16 KiB to 1 GiB
  static constexpr uint32_t kMaxMprotectGuards = 30'000;
  // Warm slots are made cold when they have not been needed for one to two of these.
  static constexpr int64_t kDecayNs = 5'000'000'000;

  StackArena();
  StackArena(const StackArena&) = delete;
  StackArena& operator=(const StackArena&) = delete;

  // The class whose stacks hold at least `stack_bytes`. Larger than the largest: the largest.
  static constexpr int SizeClass(size_t stack_bytes) {
    int size_class = 0;
    while (size_class < kSizeClasses - 1 && StackBytes(size_class) < stack_bytes) ++size_class;
    return size_class;
  }
  static constexpr size_t StackBytes(int size_class) { return kMinStackBytes << size_class; }
  static constexpr size_t SlotBytes(int size_class) { return StackBytes(size_class) + kPageBytes; }
  static constexpr int kDefaultClass = 4;
  static constexpr int kSegmentClass = 2;
  static_assert((kMinStackBytes << kDefaultClass) == kDefaultStackBytes);
  static_assert((kMinStackBytes << kSegmentClass) == kDefaultSegmentBytes);

  // Takes up to `count` dead fibers of one class, warm ones first; returns how many, at least one.
  // Out of address space or memory maps: fatal.
  int Take(int size_class, Fiber** out, int count);

  // Gives dead fibers of one class back.
  void Give(int size_class, Fiber* const* fibers, int count);

  // Makes warm slots cold that have not been needed for a while, some at a time. Returns when to
  // call again: at once if there is more to do, kNever if nothing is warm.
  int64_t Decay(int64_t now_ns);
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  void SetDecayForTesting(int64_t ns) {
    decay_ns_.store(ns, std::memory_order_relaxed);
  }  // a setting

  // Slots that Take() has handed out and Give() has not got back.
  int64_t outstanding() const { return outstanding_.load(std::memory_order_relaxed); }  // statistic

  // Around a fork(), so that the child finds everything whole.
  void LockAll() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (Class& c : classes_) c.lock.lock();
  }
  void UnlockAll() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (Class& c : classes_) c.lock.unlock();
  }

  // Calls fn(fiber) for every fiber that is not dead. No lock: fibers may start and end meanwhile.
  template <typename Fn>
  void ForEachLive(Fn&& fn) const {
    for (const Class& c : classes_) {
      // ORDER(arena.chunk): acquire; pairs with the release in Grow() and MakeGuarded().
      const int chunks = c.chunk_count.load(std::memory_order_acquire);
      for (int i = 0; i < chunks; ++i) {
        const Chunk& chunk = c.chunks[i];
        const size_t used = chunk.used.load(std::memory_order_acquire);  // as above
        for (size_t slot = 0; slot < used; ++slot) {
          // Relaxed: only so that slots without memory are left alone. A fiber that the caller
          // knows to be alive was taken before.
          if ((chunk.cold[slot / 64].load(std::memory_order_relaxed) >> (slot % 64) & 1) != 0) {
            continue;
          }
          Fiber* fiber = FiberOfSlot(chunk.base + slot * c.slot_bytes, c.slot_bytes);
          // Relaxed: a statistic.
          if (fiber->status.load(std::memory_order_relaxed) != FiberStatus::kDead) fn(fiber);
        }
      }
    }
  }

  // The fiber or segment in whose guard page `address` is; null if it is in none. For signal
  // handlers: no lock.
  Fiber* FiberOfGuard(const void* address) const;

  // The runtime's. Never destroyed: fibers may outlive static destructors.
  static StackArena& Instance();

 private:
  static constexpr int kMaxChunks = 4096;

  struct Chunk {
    char* base = nullptr;
    size_t slots = 0;
    Atom<size_t> used{0};  // slots that have their guard; the others have never been touched
    Atom<uint64_t>* cold = nullptr;  // a bit for each slot; written under the lock
    size_t cold_count = 0;           // guarded by the lock
    size_t cold_hint = 0;            // no bit is set in a word before this; guarded by the lock
  };

  struct Class {
    SpinLock lock;
    size_t slot_bytes = 0;
    // The warm slots, from the one given last to the one given first.
    Fiber* newest ABSL_GUARDED_BY(lock) = nullptr;
    Fiber* oldest ABSL_GUARDED_BY(lock) = nullptr;
    size_t warm ABSL_GUARDED_BY(lock) = 0;
    size_t least_warm ABSL_GUARDED_BY(lock) = 0;  // since the last look: so many were not needed
    size_t to_decay ABSL_GUARDED_BY(lock) = 0;
    size_t cold ABSL_GUARDED_BY(lock) = 0;     // in all chunks
    int first_cold ABSL_GUARDED_BY(lock) = 0;  // no chunk before this one has a cold slot
    Chunk* chunks = nullptr;                   // kMaxChunks of them, mapped with the first
    Atom<int> chunk_count{0};
  };

  static Fiber* FiberOfSlot(char* slot, size_t slot_bytes) {
    constexpr size_t kColours = 16;
    const size_t colour = reinterpret_cast<uintptr_t>(slot) / kPageBytes % kColours;
    return reinterpret_cast<Fiber*>(slot + slot_bytes - sizeof(Fiber) - colour * 64);
  }

  int TakeCold(Class& c, int size_class, Fiber** out, int count)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(c.lock);
  static Fiber* Construct(int size_class, char* slot);
  void MakeGuarded(Class& c, int count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(c.lock);
  void Grow(Class& c) ABSL_EXCLUSIVE_LOCKS_REQUIRED(c.lock);
  void InstallGuards(char* first_slot, size_t slot_bytes, int count);
  void InstallGuard(char* slot);
  bool DecaySome(Class& c);
  void MarkCold(Class& c, char* slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(c.lock);

  Class classes_[kSizeClasses];
  Atom<GuardKind> guard_kind_{GuardKind::kBatched};
  Atom<uint32_t> mprotect_guards_{0};
  Atom<int64_t> outstanding_{0};
  Atom<int64_t> decay_ns_{kDecayNs};
  int64_t next_look_ns_ = 0;  // Decay()'s caller only
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_STACK_ARENA_H_
