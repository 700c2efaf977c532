#include "weft/sync/once.h"

#include "weft/sched/go.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sync/internal/waiter.h"

namespace weft {

using sync_internal::Waiter;

bool Once::Begin() {
  // ORDER(once.done): acquire; pairs with the release in End().
  uintptr_t word = word_.load(std::memory_order_acquire);
  Waiter self;
  for (;;) {
    if (word == kDone) return false;
    if (word == kNew) {
      // ORDER(once.done): acquire, for the load of a failure; pairs with End().
      if (word_.compare_exchange_weak(word, kRunning, std::memory_order_acquire,
                                      std::memory_order_acquire)) {
        sched_internal::SimPoint(sched_internal::Op::kOnce, this);
        return true;
      }
      continue;
    }
    self.next = reinterpret_cast<Waiter*>(word - kRunning);
    // ORDER(once.push): release; pairs with the acquire in End(). Publishes `self`. The acquire is
    // for a failure.
    if (word_.compare_exchange_weak(word, reinterpret_cast<uintptr_t>(&self) + kRunning,
                                    std::memory_order_acq_rel, std::memory_order_acquire)) {
      break;
    }
  }
  sched_internal::SimTouch(this);
  self.Await(WaitReason::kSyncOnceDo);
  return false;
}

void Once::End() {
  race::Release(this);
  // The last access to *this. ORDER(once.done): release; pairs with the acquires in Do() and
  // Begin(). ORDER(once.push): acquire; pairs with the push in Begin().
  const uintptr_t word = word_.exchange(kDone, std::memory_order_acq_rel);
  for (auto* waiter = reinterpret_cast<Waiter*>(word - kRunning); waiter != nullptr;) {
    Waiter* const next = waiter->next;  // before ReadyLast(), which ends the waiter's life
    ReadyLast(waiter->self);
    waiter = next;
  }
  sched_internal::SafePoint(sched_internal::Op::kOnce, this);  // which does not look into *this
}

void Once::PanicNilFunction() { Panic("sync: Once.Do of nil func value"); }

std::exception_ptr sync_internal::CurrentFailure() {
  if (!sched_internal::IsGoexitUnwinding()) return std::current_exception();
  return std::make_exception_ptr(
      PanicError("sync: the function of OnceFunc or OnceValue called Goexit"));
}

}  // namespace weft
