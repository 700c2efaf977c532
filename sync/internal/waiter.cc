#include "weft/sync/internal/waiter.h"

namespace weft::sync_internal {
namespace {

class CancelAt : public SchedTimer {
 public:
  explicit CancelAt(Waiter* waiter) : SchedTimer(&Fire), waiter_(waiter) {}

 private:
  static void Fire(SchedTimer* timer, int64_t) { static_cast<CancelAt*>(timer)->waiter_->Cancel(); }

  Waiter* waiter_;
};

}  // namespace

bool Waiter::AwaitUntil(int64_t deadline_ns, WaitReason reason) {
  if (deadline_ns == kNever) return Await(reason);
  CancelAt timer(this);
  timer.Arm(deadline_ns);
  const bool woken = Await(reason);
  timer.CancelAndWait();
  return woken;
}

void ReadyAll(WaitList claimed) {
  Waiter* waiter = claimed.PopFront();
  if (waiter == nullptr) return;
  if (claimed.empty()) return Ready(waiter->self);
  for (; waiter != nullptr; waiter = claimed.PopFront()) ReadyLast(waiter->self);
}

}  // namespace weft::sync_internal
