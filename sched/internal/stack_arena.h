// Where fibers and their stacks come from.
//
// Address space is reserved in chunks of equal slots, one series of chunks for each size class. A
// slot is, from its low end: a guard page, the stack (a power of two), and at the stack's top the
// fiber's control block. Pages are committed by the first touch. Slots are never unmapped, so a
// Fiber* stays readable for ever, and all fibers can be found by walking the chunks: there is no
// registry to update when a fiber starts or ends.
//
// Neighbours must not compete for the same sets of the caches. The extra page makes the distance of
// two slots an odd number of pages, which spreads their tops over the sets of the TLB; and the
// control block is placed up to 1 KiB below the top, by slot, which spreads the hot lines over the
// sets of the first-level cache.
//
// Thread safety: yes. Blocks: the thread, in a SpinLock and in mmap.
#ifndef WEFT_SCHED_INTERNAL_STACK_ARENA_H_
#define WEFT_SCHED_INTERNAL_STACK_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/spin_lock.h"

namespace weft::sched_internal {

// How the guard below each stack is made.
enum class GuardKind : uint8_t {
  kLightweight,  // MADV_GUARD_INSTALL, Linux 6.13: no mapping of its own
  kMprotect,     // a mapping each; only for the first kMaxMprotectGuards stacks
  kNone,
};

class StackArena {
 public:
  static constexpr size_t kPageBytes = 4096;
  static constexpr size_t kMinStackBytes = 16 << 10;
  static constexpr size_t kDefaultStackBytes = 256 << 10;
  static constexpr int kSizeClasses = 17;  // 16 KiB to 1 GiB
  static constexpr uint32_t kMaxMprotectGuards = 30'000;

  // The class whose stacks hold at least `stack_bytes`; 0 means the default. Larger than the
  // largest: the largest.
  static int SizeClass(size_t stack_bytes);
  static constexpr size_t StackBytes(int size_class) { return kMinStackBytes << size_class; }
  static constexpr size_t SlotBytes(int size_class) { return StackBytes(size_class) + kPageBytes; }
  static constexpr int kDefaultClass = 4;
  static_assert((kMinStackBytes << kDefaultClass) == kDefaultStackBytes);

  // Takes up to `count` dead fibers of one class, warm ones first; returns how many, at least one.
  // Out of address space or memory maps: fatal.
  int Take(int size_class, Fiber** out, int count);

  // Gives dead fibers of one class back.
  void Give(int size_class, Fiber* const* fibers, int count);

  // Slots that Take() has handed out and Give() has not got back.
  int64_t outstanding() const { return outstanding_.load(std::memory_order_relaxed); }  // statistic

  // Calls fn(fiber) for every fiber that is not dead. No lock: fibers may start and end meanwhile.
  template <typename Fn>
  void ForEachLive(Fn&& fn) const {
    for (const Class& c : classes_) {
      // ORDER(arena.chunk): acquire; pairs with the release in Grow() and TakeFresh().
      const int chunks = c.chunk_count.load(std::memory_order_acquire);
      for (int i = 0; i < chunks; ++i) {
        const Chunk& chunk = c.chunks[i];
        const size_t used = chunk.used.load(std::memory_order_acquire);  // as above
        for (size_t slot = 0; slot < used; ++slot) {
          Fiber* fiber = FiberOfSlot(chunk.base + slot * c.slot_bytes, c.slot_bytes);
          // Relaxed: a statistic.
          if (fiber->status.load(std::memory_order_relaxed) != FiberStatus::kDead) fn(fiber);
        }
      }
    }
  }

  static StackArena& Instance();

 private:
  static constexpr int kMaxChunks = 4096;

  struct Chunk {
    char* base = nullptr;
    size_t slots = 0;
    Atom<size_t> used{0};  // slots whose control block is constructed
  };

  struct Class {
    SpinLock lock;
    size_t slot_bytes = 0;
    std::vector<Fiber*> warm ABSL_GUARDED_BY(lock);
    Chunk* chunks = nullptr;  // kMaxChunks of them, allocated with the first
    Atom<int> chunk_count{0};
  };

  StackArena();

  static Fiber* FiberOfSlot(char* slot, size_t slot_bytes) {
    constexpr size_t kColours = 16;
    const size_t colour = reinterpret_cast<uintptr_t>(slot) / kPageBytes % kColours;
    return reinterpret_cast<Fiber*>(slot + slot_bytes - sizeof(Fiber) - colour * 64);
  }

  int TakeFresh(Class& c, int size_class, Fiber** out, int count)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(c.lock);
  void Grow(Class& c) ABSL_EXCLUSIVE_LOCKS_REQUIRED(c.lock);
  void InstallGuard(char* slot);

  Class classes_[kSizeClasses];
  Atom<GuardKind> guard_kind_{GuardKind::kLightweight};
  Atom<uint32_t> mprotect_guards_{0};
  Atom<int64_t> outstanding_{0};
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_STACK_ARENA_H_
