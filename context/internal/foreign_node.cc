#include "weft/context/internal/foreign_node.h"

#include <functional>
#include <utility>

#include "weft/chan/select.h"
#include "weft/context/internal/cancel_node.h"
#include "weft/sched/go.h"

namespace weft::context_internal {
namespace {

// Why the parent ended. One that says kDeadlineExceeded passes that on; everything else is a
// cancellation.
void CancelWith(const Context& child, const absl::Status& error) {
  const bool late = error.code() == absl::StatusCode::kDeadlineExceeded;
  child.node()->canceler->Cancel(late ? Reason::kDeadlineExceeded : Reason::kCancelled, error);
}

}  // namespace

const absl::Status& ForeignNode::Err() {
  absl::Status now = custom->Err();
  if (now.ok()) return ErrorOf(Reason::kNone);
  auto error = std::make_unique<const absl::Status>(std::move(now));
  sched_internal::VisibleSpinLockHolder holder(lock_);
  if (error_ == nullptr) error_.swap(error);
  return *error_;
}

const void* CancelerKey() {
  static const char key = 0;
  return &key;
}

Node* Wrap(std::shared_ptr<const CustomContext> custom) {
  return new ForeignNode(std::move(custom));
}

void FollowForeign(const ForeignNode& parent, const Context& child) {
  if (!parent.done) return;
  CancelNode* const node = child.node()->canceler;
  // A wrapper of one of ours that has left Done() as it was.
  if (const void* inner = parent.custom->Value(CancelerKey())) {
    auto* const canceler =
        const_cast<CancelNode*>(static_cast<const CancelNode*>(static_cast<const Node*>(inner)));
    if (canceler->Done() == parent.done) return node->AttachTo(canceler);
  }
  if (parent.done.TryRecv().closed()) return CancelWith(child, parent.custom->Err());
  std::shared_ptr<const CustomContext> custom = parent.custom;
  std::function<bool()> stop =
      custom->AfterFunc([custom, child] { CancelWith(child, custom->Err()); });
  if (stop != nullptr) return node->SetStop(std::move(stop));
  Go({.name = "context"}, [custom = std::move(custom), done = parent.done, child] {
    if (Select(OnRecv(done), OnDone(child)) == 0) CancelWith(child, custom->Err());
  });
}

}  // namespace weft::context_internal
