// What a Context points at: one link of a chain from the newest context to Background().
#ifndef WEFT_CONTEXT_INTERNAL_NODE_H_
#define WEFT_CONTEXT_INTERNAL_NODE_H_

#include <cstdint>

#include "weft/sched/internal/atomic.h"

namespace weft::context_internal {

class CancelNode;
struct ForeignNode;

enum class Kind : uint8_t {
  kBackground,
  kTodo,
  kCancel,
  kDeadline,
  kValue,
  kWithoutCancel,
  kForeign
};

// Immutable but for the count. What cancels a context is cached, so that no operation but a search
// for a value walks the chain.
struct Node {
  explicit Node(Kind kind) : kind(kind) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void Ref() {
    // Relaxed: the caller has a handle, so the count cannot be on its way to zero.
    if (!IsStatic()) refs.fetch_add(1, std::memory_order_relaxed);
  }
  bool IsStatic() const { return kind == Kind::kBackground || kind == Kind::kTodo; }

  sched_internal::VisibleAtom<uint32_t> refs{1};  // handles and children
  const Kind kind;
  Node* parent = nullptr;          // owned
  CancelNode* canceler = nullptr;  // the nearest that can be cancelled, this one included; or else
  ForeignNode* foreign = nullptr;  // the nearest of another implementation; or neither
};

// Gives one reference back, and with it those that it kept alive; in constant stack.
void Unref(Node* node);

}  // namespace weft::context_internal

#endif  // WEFT_CONTEXT_INTERNAL_NODE_H_
