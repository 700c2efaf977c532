// cancel_node.h: a context that can be cancelled, and the tree that these form.
//
// A node is kept by handles (Node::refs) and by those who hold its channel. When neither is left it
// takes itself out of its parent and frees itself. The parent, and a timer, know it without keeping
// it: they pin its memory while they are at it. The protocol: DESIGN.md, "Life and death of a
// node".
#ifndef WEFT_CONTEXT_INTERNAL_CANCEL_NODE_H_
#define WEFT_CONTEXT_INTERNAL_CANCEL_NODE_H_

#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/context/internal/node.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/timer.h"
#include "weft/sync/cancellation.h"

namespace weft::context_internal {

enum class Reason : uint8_t { kNone, kCancelled, kDeadlineExceeded };

// OK and the two errors, shared by all contexts and never destroyed, by Reason.
const absl::Status* MakeErrors();
inline const absl::Status& ErrorOf(Reason reason) {
  static const absl::Status* const errors = MakeErrors();
  return errors[static_cast<int>(reason)];
}

class CancelNode : public Node {
 public:
  // Takes over one reference to `parent`, and has two itself: a context's and that of the function
  // which cancels it. Call AttachTo() next.
  CancelNode(Kind kind, Node* parent, absl::Time deadline);

  // Makes the node follow `above`, which its parent keeps alive, or nobody if that is null. Cancels
  // it at once if `above` has been cancelled.
  void AttachTo(CancelNode* above);

  // Has stop() called when the node is cancelled; at once if that has happened.
  void SetStop(std::function<bool()> stop);

  // Has the node cancelled with `cause` when its deadline comes, `timeout` from now. To be called
  // once for each node of kind kDeadline, even if it has been cancelled.
  void ArmTimer(absl::Duration timeout, absl::Status cause);

  // Cancels this and all below; nothing if it has been cancelled. OK as a cause stands for the
  // error of `reason`. The caller keeps the node alive. Does not wait for a cancellation that
  // another has begun.
  void Cancel(Reason reason, const absl::Status& cause);

  const absl::Status& Err() const {
    // ORDER(context.err): acquire; pairs with the releases in Begin() and Finish().
    const uint8_t state = state_.load(std::memory_order_acquire);
    if (state != 0 && !(state & kClosed)) [[unlikely]]
      return ErrSlow();
    return ErrorOf(static_cast<Reason>(state & ~kClosed));
  }
  absl::Status Cause() const;
  const RecvChan<Empty>& Done() const { return done_; }
  absl::Time deadline() const { return deadline_; }

  // See sync/cancellation.h.
  bool Watch(CancelWatcher* watcher);
  void Unwatch(CancelWatcher* watcher);

  // The last handle has gone. Returns the parent, whose reference passes to the caller, if nothing
  // holds the channel; then the node is dead. Otherwise null.
  Node* Release();

 private:
  // The channel, of which done_ and its copies are the handles.
  struct DoneCore : chan_internal::ChanCore {
    explicit DoneCore(CancelNode* node);
    CancelNode* const node;
  };

  struct Timer : SchedTimer {
    explicit Timer(CancelNode* node);
    CancelNode* const node;
  };

  ~CancelNode() = default;

  bool Begin(Reason reason, const absl::Status& cause);
  void Finish();
  void CancelChildren(Reason reason, const absl::Status& cause, CancelNode** work);
  void NotifyWatchers();
  void Detach();
  bool Adopt(CancelNode* child);
  const absl::Status& ErrSlow() const;
  static void ChannelGone(chan_internal::ChanCore* core);
  static void TimerFired(SchedTimer* timer, int64_t now_ns);
  Node* Dismantle();
  void DisarmTimer();
  void Pin();
  void Unpin();

  // A Reason; kClosed is added when the channel is closed.
  static constexpr uint8_t kClosed = 0x80;
  sched_internal::VisibleAtom<uint8_t> state_{0};
  // Who may still touch the memory: the node itself while it lives, its timer until it is disarmed,
  // a cancellation that is at work.
  sched_internal::VisibleAtom<uint32_t> pins_;

  sched_internal::VisibleSpinLock lock_;
  CancelNode* children_ ABSL_GUARDED_BY(lock_) = nullptr;
  CancelWatcher* watchers_ ABSL_GUARDED_BY(lock_) = nullptr;
  CancelWatcher* notifying_ ABSL_GUARDED_BY(lock_) = nullptr;
  // Whether a cancellation has nobody to tell but the channel. Written by Begin(), read by the one
  // who cancels.
  bool alone_ = false;

  // What CancelNode::SetStop() has set.
  std::function<bool()> stop_ ABSL_GUARDED_BY(lock_);

  // Whose child this is; null if it has never been in anybody's list. Written once, by AttachTo().
  CancelNode* above_ = nullptr;
  // Guarded by above_->lock_.
  CancelNode* next_sibling_ = nullptr;
  CancelNode* prev_sibling_ = nullptr;
  bool attached_ = false;

  // The list of nodes that one cancellation still has to deal with.
  CancelNode* next_work_ = nullptr;

  const absl::Time deadline_;
  absl::Status timer_cause_;  // written before the timer is armed
  absl::Status cause_;        // written once, before state_; OK: the error itself
  Timer timer_;
  DoneCore core_;
  RecvChan<Empty> done_;
};

}  // namespace weft::context_internal

#endif  // WEFT_CONTEXT_INTERNAL_CANCEL_NODE_H_
