#include "weft/sched/internal/stack_arena.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <new>

#include "weft/sched/internal/race.h"
#include "weft/sched/panic.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

namespace weft::sched_internal {
namespace {

constexpr size_t kFirstChunkBytes = size_t{16} << 20;
constexpr size_t kLargestChunkBytes = size_t{1} << 30;
// How much of a stack the leak detector scans.
constexpr size_t kLeakScanBytes = 32 << 10;
// Slots whose guards are made by one system call: 0.5 µs each, alone 1.1.
constexpr int kGuardBatch = 64;
// Slots made cold at a time: 0.2 ms in which sysmon does nothing else.
constexpr int kDecayBatch = 256;
// "The calling process" to process_madvise (PIDFD_SELF_THREAD_GROUP).
constexpr int kSelf = -10001;

void* MapZeroed(size_t bytes) {
#if defined(WEFT_RACE)
  void* base = race::MapStacks(bytes);
#else
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
#endif
  if (base == MAP_FAILED) {
    Fatal(
        "cannot reserve address space for fiber stacks: end fibers, use smaller stacks, or raise "
        "the limits of address space (ulimit -v) and of memory maps (vm.max_map_count)");
  }
  return base;
}

// One piece of advice for many ranges. False: this kernel does not do that.
bool AdviseAll(const iovec* ranges, int count, int advice) {
  size_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += ranges[i].iov_len;
  return syscall(SYS_process_madvise, kSelf, ranges, count, advice, 0) ==
         static_cast<ssize_t>(bytes);
}

char* LeakScanBegin(Fiber* fiber) {
  return reinterpret_cast<char*>(fiber + 1) - std::min(kLeakScanBytes, fiber->stack_bytes());
}

}  // namespace

StackArena& StackArena::Instance() {
  static StackArena* arena = new StackArena;
  return *arena;
}

StackArena::StackArena() {
  for (int i = 0; i < kSizeClasses; ++i) classes_[i].slot_bytes = SlotBytes(i);
}

int StackArena::Take(int size_class, Fiber** out, int count) {
  Class& c = classes_[size_class];
  SpinLockHolder hold(c.lock);
  int taken = 0;
  while (taken < count && c.newest != nullptr) {
    Fiber* fiber = c.newest;
    c.newest = fiber->next_free;
    (c.newest != nullptr ? c.newest->previous_free : c.oldest) = nullptr;
    out[taken++] = fiber;
  }
  c.warm -= static_cast<size_t>(taken);
  c.least_warm = std::min(c.least_warm, c.warm);
  if (taken == 0) taken = TakeCold(c, size_class, out, count);
  outstanding_.fetch_add(taken, std::memory_order_relaxed);  // a count
  return taken;
}

void StackArena::Give(int size_class, Fiber* const* fibers, int count) {
  Class& c = classes_[size_class];
  SpinLockHolder hold(c.lock);
  for (int i = 0; i < count; ++i) {
    Fiber* fiber = fibers[i];
    fiber->previous_free = nullptr;
    fiber->next_free = c.newest;
    (c.newest != nullptr ? c.newest->previous_free : c.oldest) = fiber;
    c.newest = fiber;
  }
  c.warm += static_cast<size_t>(count);
  outstanding_.fetch_sub(count, std::memory_order_relaxed);  // a count
}

int StackArena::TakeCold(Class& c, int size_class, Fiber** out, int count) {
  if (c.cold == 0) MakeGuarded(c, count);
  Chunk* chunk = &c.chunks[c.first_cold];
  while (chunk->cold_count == 0) chunk = &c.chunks[++c.first_cold];
  int taken = 0;
  // Relaxed: the bits are written under the lock.
  while (taken < count && chunk->cold_count != 0) {
    Atom<uint64_t>& word = chunk->cold[chunk->cold_hint];
    uint64_t bits = word.load(std::memory_order_relaxed);
    while (bits != 0 && taken < count) {
      const size_t slot = chunk->cold_hint * 64 + static_cast<size_t>(std::countr_zero(bits));
      bits &= bits - 1;
      out[taken++] = Construct(size_class, chunk->base + slot * c.slot_bytes);
      --chunk->cold_count;
      --c.cold;
    }
    word.store(bits, std::memory_order_relaxed);
    if (bits == 0) ++chunk->cold_hint;
  }
  return taken;
}

Fiber* StackArena::Construct(int size_class, char* slot) {
  Fiber* fiber = ::new (FiberOfSlot(slot, SlotBytes(size_class))) Fiber;
  fiber->stack.first.low = slot + kPageBytes;
  fiber->size_class = static_cast<uint8_t>(size_class);
  char* scan = LeakScanBegin(fiber);
  SanitizerScanForPointers(scan, reinterpret_cast<char*>(fiber + 1) - scan);
  return fiber;
}

// Makes slots that nobody has had before, as cold ones.
void StackArena::MakeGuarded(Class& c, int count) {
  int chunks = c.chunk_count.load(std::memory_order_relaxed);  // written under the lock
  // Relaxed: written under the lock.
  if (chunks == 0 ||
      c.chunks[chunks - 1].used.load(std::memory_order_relaxed) == c.chunks[chunks - 1].slots) {
    Grow(c);
    ++chunks;
  }
  Chunk& chunk = c.chunks[chunks - 1];
  const size_t used = chunk.used.load(std::memory_order_relaxed);  // written under the lock
  // The first fibers of a program do not pay for 64.
  const int wanted = used == 0 ? std::min(count, kGuardBatch) : kGuardBatch;
  const size_t made = std::min(static_cast<size_t>(wanted), chunk.slots - used);
  InstallGuards(chunk.base + used * c.slot_bytes, c.slot_bytes, static_cast<int>(made));
  for (size_t slot = used; slot < used + made; ++slot) {
    MarkCold(c, chunk.base + slot * c.slot_bytes);
  }
  // ORDER(arena.chunk): release; pairs with the acquire in ForEachLive(). Publishes the bits.
  chunk.used.store(used + made, std::memory_order_release);
}

void StackArena::MarkCold(Class& c, char* slot) {
  const int chunks = c.chunk_count.load(std::memory_order_relaxed);  // written under the lock
  for (int i = 0; i < chunks; ++i) {
    Chunk& chunk = c.chunks[i];
    if (slot < chunk.base || slot >= chunk.base + chunk.slots * c.slot_bytes) continue;
    const size_t index = static_cast<size_t>(slot - chunk.base) / c.slot_bytes;
    Atom<uint64_t>& word = chunk.cold[index / 64];
    // Relaxed: written under the lock.
    word.store(word.load(std::memory_order_relaxed) | uint64_t{1} << (index % 64),
               std::memory_order_relaxed);
    ++chunk.cold_count;
    chunk.cold_hint = std::min(chunk.cold_hint, index / 64);
    c.first_cold = std::min(c.first_cold, i);
    ++c.cold;
    return;
  }
}

void StackArena::Grow(Class& c) {
  const int index = c.chunk_count.load(std::memory_order_relaxed);  // written under the lock
  if (index == kMaxChunks) Fatal("stack arena: too many chunks of one stack size");
  if (index == 0) c.chunks = static_cast<Chunk*>(MapZeroed(kMaxChunks * sizeof(Chunk)));
  const size_t doubled = kFirstChunkBytes << std::min(index, 6);
  const size_t bytes = std::max(std::min(doubled, kLargestChunkBytes), c.slot_bytes);
  const size_t slots = bytes / c.slot_bytes;
  void* base = MapZeroed(bytes);
  madvise(base, bytes, MADV_NOHUGEPAGE);  // one touched page must not commit 2 MiB; best effort
  Chunk* chunk = ::new (&c.chunks[index]) Chunk;
  chunk->base = static_cast<char*>(base);
  chunk->slots = slots;
  chunk->cold = static_cast<Atom<uint64_t>*>(MapZeroed((slots / 64 + 1) * sizeof(uint64_t)));
  // ORDER(arena.chunk): release; pairs with the acquire in ForEachLive(). Publishes the chunk.
  c.chunk_count.store(index + 1, std::memory_order_release);
}

void StackArena::InstallGuards(char* first_slot, size_t slot_bytes, int count) {
  // Relaxed: the kind only ever changes for the worse, and each batch may find out by itself.
  if (guard_kind_.load(std::memory_order_relaxed) == GuardKind::kBatched) {
    iovec ranges[kGuardBatch];
    for (int i = 0; i < count; ++i) ranges[i] = {first_slot + i * slot_bytes, kPageBytes};
    if (AdviseAll(ranges, count, MADV_GUARD_INSTALL)) return;
    guard_kind_.store(GuardKind::kLightweight, std::memory_order_relaxed);
  }
  for (int i = 0; i < count; ++i) InstallGuard(first_slot + i * slot_bytes);
}

void StackArena::InstallGuard(char* slot) {
  // Relaxed: as above.
  GuardKind kind = guard_kind_.load(std::memory_order_relaxed);
  if (kind <= GuardKind::kLightweight) {
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

int64_t StackArena::Decay(int64_t now_ns) {
  if (now_ns >= next_look_ns_) {
    next_look_ns_ = now_ns + decay_ns_.load(std::memory_order_relaxed);  // a setting
    for (Class& c : classes_) {
      SpinLockHolder hold(c.lock);
      c.to_decay = c.least_warm;
      c.least_warm = c.warm - c.to_decay;
    }
  }
  bool more = false;
  bool warm = false;
  for (Class& c : classes_) {
    more = DecaySome(c) || more;
    SpinLockHolder hold(c.lock);
    warm = warm || c.warm != 0;
  }
  return more ? now_ns : warm ? next_look_ns_ : kNever;
}

// Returns whether there is more to do.
bool StackArena::DecaySome(Class& c) {
  char* slots[kDecayBatch];
  int count = 0;
  {
    SpinLockHolder hold(c.lock);
    c.to_decay = std::min(c.to_decay, c.warm);
    while (c.to_decay != 0 && count < kDecayBatch) {
      Fiber* fiber = c.oldest;
      c.oldest = fiber->previous_free;
      (c.oldest != nullptr ? c.oldest->next_free : c.newest) = nullptr;
      char* scan = LeakScanBegin(fiber);
      SanitizerForgetPointers(scan, reinterpret_cast<char*>(fiber + 1) - scan);
      slots[count++] = fiber->stack_low() - kPageBytes;
      --c.to_decay;
      --c.warm;
    }
  }
  if (count == 0) return false;
  // Neighbours in one range: the guards between them stay.
  std::sort(slots, slots + count);
  iovec ranges[kDecayBatch];
  int used = 0;
  for (int i = 0; i < count; ++i) {
    iovec* last = used == 0 ? nullptr : &ranges[used - 1];
    if (last != nullptr && static_cast<char*>(last->iov_base) + last->iov_len == slots[i]) {
      last->iov_len += c.slot_bytes;
    } else {
      ranges[used++] = {slots[i] + kPageBytes, c.slot_bytes - kPageBytes};
    }
  }
  if (!AdviseAll(ranges, used, MADV_DONTNEED)) {
    for (int i = 0; i < used; ++i) madvise(ranges[i].iov_base, ranges[i].iov_len, MADV_DONTNEED);
  }
  SpinLockHolder hold(c.lock);
  for (int i = 0; i < count; ++i) MarkCold(c, slots[i]);
  return c.to_decay != 0;
}

Fiber* StackArena::FiberOfGuard(const void* address) const {
  const auto* at = static_cast<const char*>(address);
  for (const Class& c : classes_) {
    // ORDER(arena.chunk): acquire; pairs with the release in Grow().
    const int chunks = c.chunk_count.load(std::memory_order_acquire);
    for (int i = 0; i < chunks; ++i) {
      const Chunk& chunk = c.chunks[i];
      if (at < chunk.base || at >= chunk.base + chunk.slots * c.slot_bytes) continue;
      const size_t offset = static_cast<size_t>(at - chunk.base) % c.slot_bytes;
      if (offset >= kPageBytes) return nullptr;
      return FiberOfSlot(const_cast<char*>(at) - offset, c.slot_bytes);
    }
  }
  return nullptr;
}

}  // namespace weft::sched_internal
