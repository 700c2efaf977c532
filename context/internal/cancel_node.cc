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
      deadline_(deadline),
      timer_(this),
      core_(this),
      done_(RecvChan<Empty>::Adopt(&core_)) {
  parent = parent_node;
  canceler = this;
}

void CancelNode::AttachTo(CancelNode* above) {
  above_ = above;
  if (above == nullptr || above->Adopt(this)) return;
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
  VisibleSpinLockHolder holder(lock_);
  // Relaxed: written under the lock. An ancestor may have been faster.
  if (state_.load(std::memory_order_relaxed) != 0) return;
  Pin();
  timer_.Arm(in_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + in_ns);
}

void CancelNode::CancelTimer() {
  if (kind != Kind::kDeadline) return;
  bool prevented;
  {
    VisibleSpinLockHolder holder(lock_);
    prevented = timer_.Cancel();
  }
  if (prevented) Unpin();
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
void CancelNode::Cancel(Reason reason, absl::Status cause) {
  if (cause.ok()) cause = ErrorOf(reason);
  if (!Begin(reason, cause)) return;
  Finish();
  CancelNode* work = nullptr;
  CancelChildren(reason, cause, &work);
  NotifyWatchers();
  while (work != nullptr) {
    CancelNode* const node = work;
    work = node->next_work_;
    node->Finish();
    node->CancelChildren(reason, cause, &work);
    node->NotifyWatchers();
    node->Unpin();
  }
}

// Decides who cancels. Returns false if another has.
bool CancelNode::Begin(Reason reason, const absl::Status& cause) {
  VisibleSpinLockHolder holder(lock_);
  // Relaxed: written under the lock.
  if (state_.load(std::memory_order_relaxed) != 0) return false;
  cause_ = cause;
  // ORDER(context.err): release; pairs with the acquire in Err() and Cause(). Publishes cause_.
  state_.store(static_cast<uint8_t>(reason), std::memory_order_release);
  return true;
}

void CancelNode::Finish() {
  core_.Close();
  // ORDER(context.err): release; pairs with the acquire in ErrSlow(): who sees it sees the channel
  // closed. Relaxed in the load: only we write now.
  state_.store(state_.load(std::memory_order_relaxed) | kClosed, std::memory_order_release);
  CancelTimer();
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
  return state_.load(std::memory_order_acquire) == 0 ? absl::OkStatus() : cause_;
}

// Handles and the channel's holders go in any order, and each side may be the last: whoever comes
// second dismantles.
Node* CancelNode::Release() {
  done_ = RecvChan<Empty>();
  // ORDER(context.stage): acq_rel; pairs with itself in ChannelGone(): the second sees what the
  // first has done.
  if (stage_.exchange(Stage::kHandlesGone, std::memory_order_acq_rel) != Stage::kChannelGone)
    return nullptr;
  return Dismantle();
}

void CancelNode::ChannelGone(chan_internal::ChanCore* core) {
  CancelNode* const node = static_cast<DoneCore*>(core)->node;
  // ORDER(context.stage): acq_rel; pairs with itself in Release().
  if (node->stage_.exchange(Stage::kChannelGone, std::memory_order_acq_rel) != Stage::kHandlesGone)
    return;
  context_internal::Unref(node->Dismantle());
}

Node* CancelNode::Dismantle() {
  Detach();
  Node* const above = std::exchange(parent, nullptr);
  CancelTimer();
  Unpin();
  return above;
}

void CancelNode::Pin() {
  // Relaxed: the caller knows that the count is not zero.
  pins_.fetch_add(1, std::memory_order_relaxed);
}

void CancelNode::Unpin() {
  // ORDER(context.pins): acq_rel; pairs with itself: the last comes after all that the others have
  // done.
  if (pins_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

}  // namespace weft::context_internal
