#include "weft/sched/internal/stack_arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

#include "weft/sched/panic.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

namespace weft::sched_internal {
namespace {

constexpr size_t kFirstChunkBytes = size_t{16} << 20;
constexpr size_t kLargestChunkBytes = size_t{1} << 30;
// How much of a stack the leak detector scans.
constexpr size_t kLeakScanBytes = 32 << 10;

}  // namespace

StackArena& StackArena::Instance() {
  static StackArena* arena =
      new StackArena;  // never destroyed: fibers may outlive static destructors
  return *arena;
}

StackArena::StackArena() {
  for (int i = 0; i < kSizeClasses; ++i) classes_[i].slot_bytes = SlotBytes(i);
}

int StackArena::SizeClass(size_t stack_bytes) {
  if (stack_bytes == 0) return kDefaultClass;
  const size_t units = (stack_bytes + kMinStackBytes - 1) / kMinStackBytes;
  return std::min(static_cast<int>(std::bit_width(units - 1)), kSizeClasses - 1);
}

int StackArena::Take(int size_class, Fiber** out, int count) {
  Class& c = classes_[size_class];
  SpinLockHolder hold(c.lock);
  int taken = 0;
  while (taken < count && !c.warm.empty()) {
    out[taken++] = c.warm.back();
    c.warm.pop_back();
  }
  if (taken == 0) taken = TakeFresh(c, size_class, out, count);
  outstanding_.fetch_add(taken, std::memory_order_relaxed);  // a count
  return taken;
}

void StackArena::Give(int size_class, Fiber* const* fibers, int count) {
  Class& c = classes_[size_class];
  SpinLockHolder hold(c.lock);
  c.warm.insert(c.warm.end(), fibers, fibers + count);
  outstanding_.fetch_sub(count, std::memory_order_relaxed);  // a count
}

int StackArena::TakeFresh(Class& c, int size_class, Fiber** out, int count) {
  int chunks = c.chunk_count.load(std::memory_order_relaxed);  // written under the lock
  // Relaxed: written under the lock.
  if (chunks == 0 ||
      c.chunks[chunks - 1].used.load(std::memory_order_relaxed) == c.chunks[chunks - 1].slots) {
    Grow(c);
    ++chunks;
  }
  Chunk& chunk = c.chunks[chunks - 1];
  const size_t used = chunk.used.load(std::memory_order_relaxed);  // written under the lock
  const int taken = static_cast<int>(std::min<size_t>(count, chunk.slots - used));
  for (int i = 0; i < taken; ++i) {
    char* slot = chunk.base + (used + i) * c.slot_bytes;
    InstallGuard(slot);
    Fiber* fiber = ::new (FiberOfSlot(slot, c.slot_bytes)) Fiber;
    fiber->stack_low = slot + kPageBytes;
    fiber->size_class = static_cast<uint8_t>(size_class);
    const size_t scan = std::min(kLeakScanBytes, fiber->stack_bytes());
    SanitizerScanForPointers(reinterpret_cast<char*>(fiber + 1) - scan, scan);
    out[i] = fiber;
  }
  // ORDER(arena.chunk): release; pairs with the acquire in ForEachLive(). Publishes the control
  // blocks.
  chunk.used.store(used + taken, std::memory_order_release);
  return taken;
}

void StackArena::Grow(Class& c) {
  const int index = c.chunk_count.load(std::memory_order_relaxed);  // written under the lock
  if (index == kMaxChunks) Fatal("stack arena: too many chunks of one stack size");
  if (index == 0) c.chunks = new Chunk[kMaxChunks];
  const size_t doubled = kFirstChunkBytes << std::min(index, 6);
  const size_t bytes = std::max(std::min(doubled, kLargestChunkBytes), c.slot_bytes);
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    Fatal(
        "cannot reserve address space for fiber stacks: end fibers, use smaller stacks, or raise "
        "the limits of address space (ulimit -v) and of memory maps (vm.max_map_count)");
  }
  madvise(base, bytes, MADV_NOHUGEPAGE);  // one touched page must not commit 2 MiB; best effort
  Chunk& chunk = c.chunks[index];
  chunk.base = static_cast<char*>(base);
  chunk.slots = bytes / c.slot_bytes;
  // ORDER(arena.chunk): release; pairs with the acquire in ForEachLive(). Publishes the chunk.
  c.chunk_count.store(index + 1, std::memory_order_release);
}

void StackArena::InstallGuard(char* slot) {
  // Relaxed: the kind only ever changes for the worse, and each stack may find out by itself.
  GuardKind kind = guard_kind_.load(std::memory_order_relaxed);
  if (kind == GuardKind::kLightweight) {
    if (madvise(slot, kPageBytes, MADV_GUARD_INSTALL) == 0) return;
    kind = GuardKind::kMprotect;
    guard_kind_.store(kind, std::memory_order_relaxed);
  }
  if (kind == GuardKind::kMprotect) {
    // Relaxed: a count.
    if (mprotect_guards_.fetch_add(1, std::memory_order_relaxed) < kMaxMprotectGuards &&
        mprotect(slot, kPageBytes, PROT_NONE) == 0) {
      return;
    }
    guard_kind_.store(GuardKind::kNone, std::memory_order_relaxed);
  }
}

}  // namespace weft::sched_internal
