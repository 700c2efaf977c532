// foreign_node.h: a context that weft did not make, and how weft's contexts follow it.
#ifndef WEFT_CONTEXT_INTERNAL_FOREIGN_NODE_H_
#define WEFT_CONTEXT_INTERNAL_FOREIGN_NODE_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/context/internal/node.h"
#include "weft/sched/internal/spin_lock.h"

namespace weft::context_internal {

struct ForeignNode : Node {
  explicit ForeignNode(std::shared_ptr<const CustomContext> c)
      : Node(Kind::kForeign), custom(std::move(c)) {
    foreign = this;
    done = custom->Done();
  }

  // Remembers the error, so that it can be given by reference.
  const absl::Status& Err();

  const std::shared_ptr<const CustomContext> custom;
  RecvChan<Empty> done;  // the same in every call, so one will do

 private:
  sched_internal::VisibleSpinLock lock_;
  std::unique_ptr<const absl::Status> error_ ABSL_GUARDED_BY(lock_);  // once not OK, for ever
};

// The key for which the nearest context that can be cancelled answers with itself.
const void* CancelerKey();

Node* Wrap(std::shared_ptr<const CustomContext> custom);

// Has `child` end when `parent` ends.
void FollowForeign(const ForeignNode& parent, const Context& child);

}  // namespace weft::context_internal

#endif  // WEFT_CONTEXT_INTERNAL_FOREIGN_NODE_H_
