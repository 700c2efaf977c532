// reclaim_domain.h: the readers and the objects that reclaim.h deals with. Why three epochs, and
// why a section that enters late is harmless: DESIGN.md, "Reclamation".
//
// Thread safety: everything. Blocks: nothing.
#ifndef WEFT_SYNC_INTERNAL_RECLAIM_DOMAIN_H_
#define WEFT_SYNC_INTERNAL_RECLAIM_DOMAIN_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sync/internal/reclaim.h"
#include "weft/sync/internal/stripe.h"

namespace weft::sync_internal {

class ReclaimDomain {
 public:
  ReclaimDomain() = default;
  ReclaimDomain(const ReclaimDomain&) = delete;
  ReclaimDomain& operator=(const ReclaimDomain&) = delete;

  sched_internal::Atom<uint64_t>* Enter() {
    // ORDER(reclaim.epoch): seq_cst; pairs with the store in Advance(). A stale value is harmless.
    const uint64_t parity = epoch_.load(std::memory_order_seq_cst) & 1;
    sched_internal::Atom<uint64_t>* const count =
        &stripes_[CurrentPlace().stripe % kStripes].sections[parity];
    // (A) ORDER(reclaim.enter): seq_cst; pairs with the RMW in Drained(): either that sees the
    // section, or the section sees what was made unreachable before. Acquire and release would let
    // both miss.
    count->fetch_add(1, std::memory_order_seq_cst);
    return count;
  }

  void Retire(Retired* object) {
    race::Release(this);
    uint32_t pending;
    {
      sched_internal::SpinLockHolder holder(lock_);
      // ORDER(reclaim.epoch): seq_cst; after the object was made unreachable.
      object->epoch = epoch_.load(std::memory_order_seq_cst);
      object->next = nullptr;
      *tail_ = object;
      tail_ = &object->next;
      pending = ++pending_;
    }
    if (pending % kBatch == 0) Reclaim();
  }

  void Reclaim() {
    for (uint64_t i = 0; i < kGrace; ++i) {
      if (!Advance()) break;
    }
    Retired* object = TakeRipe();
    // Whoever has seen these objects is done with them.
    if (object != nullptr) race::Acquire(this);
    while (object != nullptr) {
      Retired* const next = object->next;
      object->destroy(object);
      object = next;
    }
  }

 private:
#if defined(WEFT_MODEL)
  static constexpr uint32_t kStripes = 2;
#else
  static constexpr uint32_t kStripes = 64;
#endif
  static constexpr uint64_t kGrace = 3;
  static constexpr uint32_t kBatch = 64;

  struct alignas(sched_internal::kCacheLinePair) Stripe {
    // Sections that were entered in an even and in an odd epoch.
    sched_internal::Atom<uint64_t> sections[2] = {0, 0};
  };

  // Starts the next epoch if the sections of the one before are over. Returns false if not, or if
  // another is at it.
  bool Advance() {
    if (!advance_lock_.try_lock()) return false;
    // Relaxed: written only under the lock.
    const uint64_t epoch = epoch_.load(std::memory_order_relaxed);
    const bool drained = Drained((epoch + 1) & 1);
    // ORDER(reclaim.epoch): seq_cst; pairs with the loads in Enter() and Retire().
    if (drained) epoch_.store(epoch + 1, std::memory_order_seq_cst);
    race::Release(this);
    advance_lock_.unlock();
    return drained;
  }

  bool Drained(uint64_t parity) {
    for (Stripe& stripe : stripes_) {
      // (B) ORDER(reclaim.enter), ORDER(reclaim.leave): seq_cst; pairs with Enter() and with the
      // release of the sections that have been left. An RMW, so that a later (A) reads from it and
      // synchronizes with us.
      if (stripe.sections[parity].fetch_add(0, std::memory_order_seq_cst) != 0) return false;
      race::Acquire(&stripe.sections[parity]);
    }
    return true;
  }

  // The list is in the order of epochs.
  Retired* TakeRipe() {
    sched_internal::SpinLockHolder holder(lock_);
    // ORDER(reclaim.epoch): acquire; pairs with the store in Advance(), whose (B) has synchronized
    // with the sections.
    const uint64_t epoch = epoch_.load(std::memory_order_acquire);
    Retired* const first = head_;
    Retired** end = &head_;
    while (*end != nullptr && (*end)->epoch + kGrace <= epoch) {
      end = &(*end)->next;
      --pending_;
    }
    if (end == &head_) return nullptr;
    head_ = *end;
    *end = nullptr;
    if (head_ == nullptr) tail_ = &head_;
    return first;
  }

  Stripe stripes_[kStripes];
  sched_internal::Atom<uint64_t> epoch_{0};
  sched_internal::SpinLock advance_lock_;

  sched_internal::SpinLock lock_;
  Retired* head_ ABSL_GUARDED_BY(lock_) = nullptr;
  Retired** tail_ ABSL_GUARDED_BY(lock_) = &head_;
  uint32_t pending_ ABSL_GUARDED_BY(lock_) = 0;
};

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_RECLAIM_DOMAIN_H_
