// owner_lock.h: a lock that one worker takes again and again without an atomic read-modify-write,
// and that others take from it seldom, at the price of a system call.
//
// Thread safety: all methods. Blocks: nothing but Revoke(), which lets others run until the owner
//   has left.
// Ordering: each Leave() and each Restore() synchronizes with every later TryEnter() and Revoke()
//   that succeeds.
// Misuse: who entered must leave; a caller may be moved to another worker in between, but what it
//   does should be short.
// Cost: TryEnter() and Leave() 1 ns together; Revoke() a HeavyFence(). 16 bytes.
//
// The owner is a worker's thread, not its processor, which can be taken away between any two
// instructions. Two fibers of one worker do not meet in TryEnter(): there is no call in it, so
// nothing that could switch. If the first is switched off further on, before Leave(), the second
// finds inside_ set and goes away.
#ifndef WEFT_SYNC_INTERNAL_OWNER_LOCK_H_
#define WEFT_SYNC_INTERNAL_OWNER_LOCK_H_

#include <cstdint>

#include "weft/sched/internal/atomic.h"
#include "weft/sync/internal/asymmetric_fence.h"

#if defined(WEFT_MODEL)
#include "weft/sched/park.h"
#else
#include "weft/sched/internal/thread_local.h"
#endif

namespace weft::sync_internal {

// The caller's worker, as what may own locks; null on other threads, whose identity costs more than
// a lock. Good until the next call that is not inlined, so of no use without optimization.
[[gnu::always_inline]] inline const void* CurrentOwner() {
#if defined(WEFT_MODEL)
  return CurrentParkable();
#elif defined(__OPTIMIZE__)
  return sched_internal::CurrentWorker();
#else
  return nullptr;
#endif
}

// Tells owners apart, well enough to spread them over a small power of two.
[[gnu::always_inline]] inline uint32_t OwnerHash(const void* owner) {
  auto bits = reinterpret_cast<uintptr_t>(owner);
#if !defined(WEFT_MODEL)
  bits >>= 7;  // they are aligned to a pair of cache lines
#endif
  return static_cast<uint32_t>(bits ^ bits >> 4);
}

// Nothing that is guarded can be told by the word that says who is inside, though it would save a
// store: the owner would look at it, somebody could revoke, change it and restore, and the owner
// would overwrite what it has not seen.
class OwnerLock {
 public:
  OwnerLock() = default;
  OwnerLock(const OwnerLock&) = delete;
  OwnerLock& operator=(const OwnerLock&) = delete;

  // `self` is CurrentOwner(), and not null. Fails if another owns the lock or has revoked it, and
  // if somebody is inside.
  [[gnu::always_inline]] bool TryEnter(const void* self) {
    // Relaxed: looked at again below. Until then it only says that we are the one thread that may
    // write 1 to inside_.
    if (owner_.load(std::memory_order_relaxed) != self) return false;
    // ORDER(owner.inside): acquire; pairs with the release in Leave(), which may be another
    // thread's.
    if (inside_.load(std::memory_order_acquire) != 0) return false;
    // Relaxed: the fence orders it before the load below; see Revoke().
    inside_.store(1, std::memory_order_relaxed);
    LightFence();
    // ORDER(owner.restore): acquire; pairs with the release in Restore().
    if (owner_.load(std::memory_order_acquire) == self) [[likely]]
      return true;
    Leave();
    return false;
  }

  [[gnu::always_inline]] void Leave() {
    // ORDER(owner.inside): release; pairs with the acquires in TryEnter() and Revoke().
    inside_.store(0, std::memory_order_release);
  }

  // Makes `self` the owner if there is none.
  bool TryClaim(const void* self) {
    // Relaxed: a hint.
    if (owner_.load(std::memory_order_relaxed) != nullptr || !HasHeavyFence()) return false;
    const void* none = nullptr;
    // ORDER(owner.restore): acquire; pairs with the release in Restore().
    return owner_.compare_exchange_strong(none, self, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }

  // Enters in place of the owner, and keeps that out until Restore(). Returns what to restore.
  // `wait()` is called while somebody is inside.
  template <typename Wait>
  const void* Revoke(Wait wait) {
    for (;; wait()) {
      // Relaxed: re-checked by the CAS below.
      const void* owner = owner_.load(std::memory_order_relaxed);
      if (owner == Revoked()) continue;
      // ORDER(owner.restore): acquire; pairs with the release in Restore().
      if (!owner_.compare_exchange_strong(owner, Revoked(), std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
        continue;
      }
      // Either the owner sees in TryEnter() that it is revoked, or it is seen here to be inside.
      // Acquire and release would let both miss.
      if (owner != nullptr) HeavyFence();
      // ORDER(owner.inside): acquire; pairs with the release in Leave().
      while (inside_.load(std::memory_order_acquire) != 0) wait();
      return owner;
    }
  }

  void Restore(const void* owner) {
    // ORDER(owner.restore): release; pairs with the acquires in TryEnter(), TryClaim() and
    // Revoke().
    owner_.store(owner, std::memory_order_release);
  }

 private:
  static const void* Revoked() { return reinterpret_cast<const void*>(1); }

  // A worker, null, or Revoked().
  sched_internal::Atom<const void*> owner_{nullptr};
  // Whether somebody is inside on the owner's behalf.
  sched_internal::Atom<uint32_t> inside_{0};
};

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_OWNER_LOCK_H_
