#include "weft/context/internal/cancel_node.h"

#include <utility>

#include "weft/sched/go.h"

namespace weft::context_internal {

using sched_internal::VisibleSpinLockHolder;

const absl::Status* MakeErrors() {
  return new absl::Status[3]{
      absl::OkStatus(),
      absl::Status(absl::StatusCode::kCancelled, "context canceled"),
      absl::Status(absl::StatusCode::kDeadlineExceeded, "context deadline exceeded"),
  };
}

CancelNode::DoneCore::DoneCore(CancelNode* node)
    : ChanCore(chan_internal::ErasedElement<Empty>::kOps, nullptr, 0, &ChannelGone), node(node) {}

CancelNode::Timer::Timer(CancelNode* node) : SchedTimer(&TimerFired), node(node) {}

CancelNode::CancelNode(Kind kind, Node* parent_node, absl::Time deadline)
    : Node(kind),
      pins_(kind == Kind::kDeadline ? 2 : 1),
      deadline_(deadline),
      timer_(this),
      core_(this),
      done_(RecvChan<Empty>::Adopt(&core_)) {
  parent = parent_node;
  canceler = this;
  refs.store(2, std::memory_order_relaxed);  // nobody else has the node yet
}

void CancelNode::AttachTo(CancelNode* above) {
  if (above == nullptr) return;
  if (above->Adopt(this)) {
    above_ = above;
    return;
  }
  // Relaxed: Adopt() has seen it under the lock, and it does not change any more but for kClosed.
  const uint8_t state = above->state_.load(std::memory_order_relaxed);
  Cancel(static_cast<Reason>(state & ~kClosed), above->cause_);
}

void CancelNode::SetStop(std::function<bool()> stop) {
  {
    VisibleSpinLockHolder holder(lock_);
    // Relaxed: written under the lock.
    if (state_.load(std::memory_order_relaxed) == 0) {
      stop_ = std::move(stop);
      return;
    }
  }
  stop();
}

// Returns false if it is too late: then state_ and cause_ are there to be read.
bool CancelNode::Adopt(CancelNode* child) {
  VisibleSpinLockHolder holder(lock_);
  // Relaxed: written under the lock.
  if (state_.load(std::memory_order_relaxed) != 0) return false;
  child->attached_ = true;
  child->next_sibling_ = children_;
  if (children_ != nullptr) children_->prev_sibling_ = child;
  children_ = child;
  return true;
}

// Leaves the ancestor's list.
void CancelNode::Detach() {
  if (above_ == nullptr) return;
  VisibleSpinLockHolder holder(above_->lock_);
  if (!attached_) return;
  attached_ = false;
  if (next_sibling_ != nullptr) next_sibling_->prev_sibling_ = prev_sibling_;
  (prev_sibling_ != nullptr ? prev_sibling_->next_sibling_ : above_->children_) = next_sibling_;
  next_sibling_ = prev_sibling_ = nullptr;
}

void CancelNode::ArmTimer(absl::Duration timeout, absl::Status cause) {
  timer_cause_ = std::move(cause);
  const int64_t in_ns = absl::ToInt64Nanoseconds(timeout);
  const int64_t now_ns = MonotonicNanos();
  {
    VisibleSpinLockHolder holder(lock_);
    // Relaxed: written under the lock. An ancestor may have been faster.
    if (state_.load(std::memory_order_relaxed) == 0) {
      return timer_.Arm(in_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + in_ns);
    }
  }
  Unpin();
}

// The timer's pin keeps the memory, not the node: if it is being dismantled, nobody sees what
// happens here.
void CancelNode::TimerFired(SchedTimer* timer, int64_t) {
  CancelNode* const node = static_cast<Timer*>(timer)->node;
  node->Cancel(Reason::kDeadlineExceeded, node->timer_cause_);
  node->Unpin();
}

// One pass over the tree with a list of its own instead of recursion: trees may be deep, and stacks
// small.
void CancelNode::Cancel(Reason reason, const absl::Status& cause) {
  if (!Begin(reason, cause)) return;
  Finish();
  if (alone_) return;
  CancelNode* work = nullptr;
  CancelChildren(reason, cause, &work);
  NotifyWatchers();
  while (work != nullptr) {
    CancelNode* const node = work;
    work = node->next_work_;
    node->Finish();
    if (!node->alone_) {
      node->CancelChildren(reason, cause, &work);
      node->NotifyWatchers();
    }
    node->Unpin();
  }
}

// Decides who cancels. Returns false if another has.
bool CancelNode::Begin(Reason reason, const absl::Status& cause) {
  VisibleSpinLockHolder holder(lock_);
  // Relaxed: written under the lock.
  if (state_.load(std::memory_order_relaxed) != 0) return false;
  cause_ = cause;
  // Nobody comes to these any more, for all look at state_ under the lock first.
  alone_ = children_ == nullptr && watchers_ == nullptr && !stop_;
  // ORDER(context.err): release; pairs with the acquire in Err() and Cause(). Publishes cause_.
  state_.store(static_cast<uint8_t>(reason), std::memory_order_release);
  return true;
}

void CancelNode::Finish() {
  core_.Close();
  // ORDER(context.err): release; pairs with the acquire in ErrSlow(): who sees it sees the channel
  // closed. Relaxed in the load: only we write now.
  state_.store(state_.load(std::memory_order_relaxed) | kClosed, std::memory_order_release);
  // Without the lock: whoever else arms or cancels it does so under the lock, and only if he finds
  // there that state_ has not been set yet, which Begin() has done.
  if (kind == Kind::kDeadline && timer_.Cancel()) Unpin();
  if (alone_) return;
  std::function<bool()> stop;
  {
    VisibleSpinLockHolder holder(lock_);
    stop.swap(stop_);
  }
  if (stop) stop();
}

// A child is in the list, so its memory is there until it has left the list, for which it needs our
// lock; the pin keeps it from then on.
void CancelNode::CancelChildren(Reason reason, const absl::Status& cause, CancelNode** work) {
  for (;;) {
    CancelNode* child;
    {
      VisibleSpinLockHolder holder(lock_);
      child = children_;
      if (child == nullptr) return;
      children_ = child->next_sibling_;
      if (children_ != nullptr) children_->prev_sibling_ = nullptr;
      child->next_sibling_ = nullptr;
      child->attached_ = false;
      child->Pin();
    }
    if (child->Begin(reason, cause)) {
      child->next_work_ = *work;
      *work = child;
    } else {
      child->Unpin();
    }
  }
}

void CancelNode::NotifyWatchers() {
  for (;;) {
    CancelWatcher* watcher;
    {
      VisibleSpinLockHolder holder(lock_);
      watcher = notifying_ = watchers_;
      if (watcher == nullptr) return;
      watchers_ = watcher->next;
      if (watchers_ != nullptr) watchers_->prev = nullptr;
    }
    watcher->Notify();
  }
}

bool CancelNode::Watch(CancelWatcher* watcher) {
  VisibleSpinLockHolder holder(lock_);
  // Relaxed: written under the lock.
  if (state_.load(std::memory_order_relaxed) != 0) return false;
  watcher->prev = nullptr;
  watcher->next = watchers_;
  if (watchers_ != nullptr) watchers_->prev = watcher;
  watchers_ = watcher;
  return true;
}

void CancelNode::Unwatch(CancelWatcher* watcher) {
  for (;;) {
    {
      VisibleSpinLockHolder holder(lock_);
      if (watcher == watchers_ || watcher->prev != nullptr) {
        if (watcher->next != nullptr) watcher->next->prev = watcher->prev;
        (watcher->prev != nullptr ? watcher->prev->next : watchers_) = watcher->next;
        return;
      }
      if (notifying_ != watcher) return;
    }
    // Whoever notifies may be a fiber that has lost its turn.
    Gosched();
  }
}

// Go's rule: who sees an error must find the channel closed. The one who closes it is at it.
const absl::Status& CancelNode::ErrSlow() const {
  for (;;) {
    // ORDER(context.err): acquire; pairs with the release in Finish().
    const uint8_t state = state_.load(std::memory_order_acquire);
    if (state & kClosed) return ErrorOf(static_cast<Reason>(state & ~kClosed));
    Gosched();  // closing may cost its fiber the turn
  }
}

absl::Status CancelNode::Cause() const {
  // ORDER(context.err): acquire; pairs with the release in Begin(). Publishes cause_.
  const uint8_t state = state_.load(std::memory_order_acquire);
  if (state == 0) return absl::OkStatus();
  return cause_.ok() ? ErrorOf(static_cast<Reason>(state & ~kClosed)) : cause_;
}

// The handles have one reference to the channel between them, so its count says when both they and
// the channel's other holders have gone. It is given back by hand, since what follows for the last
// is not the same: here the caller goes on with the parent, in constant stack.
Node* CancelNode::Release() { return done_.Detach()->Drop() ? Dismantle() : nullptr; }

void CancelNode::ChannelGone(chan_internal::ChanCore* core) {
  context_internal::Unref(static_cast<DoneCore*>(core)->node->Dismantle());
}

Node* CancelNode::Dismantle() {
  Detach();
  Node* const above = std::exchange(parent, nullptr);
  if (kind == Kind::kDeadline) DisarmTimer();
  Unpin();
  return above;
}

void CancelNode::DisarmTimer() {
  {
    VisibleSpinLockHolder holder(lock_);
    // Relaxed: written under the lock. A cancellation that has begun does it itself.
    if (state_.load(std::memory_order_relaxed) != 0 || !timer_.Cancel()) return;
  }
  Unpin();
}

void CancelNode::Pin() {
  // Relaxed: the caller knows that the count is not zero.
  pins_.fetch_add(1, std::memory_order_relaxed);
}

void CancelNode::Unpin() {
  // ORDER(context.pins): acquire in the load, acq_rel in the other; they pair with the latter: the
  // last comes after all that the others have done. Who is alone stays alone: while anybody can
  // find the node it has its own pin, and a cancellation finds it by the list that it then is in.
  if (pins_.load(std::memory_order_acquire) == 1 ||
      pins_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete this;
  }
}

}  // namespace weft::context_internal
