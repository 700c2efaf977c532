// Select over cases of no particular element type.
//
// First every case is tried on its own, in random order: the first that succeeds is a uniform
// choice among the ready. If none does, all channels are locked, in the order of their addresses,
// and asked again: now "none is ready" holds at one instant. Then `default` may run, or the caller
// stands in all queues at once and parks. The peer that moves `fired` away from 0 completes that
// case; the caller leaves the other queues when it wakes.
#ifndef WEFT_CHAN_INTERNAL_SELECT_CORE_H_
#define WEFT_CHAN_INTERNAL_SELECT_CORE_H_

#include <cstdint>

#include "weft/chan/internal/chan_core.h"
#include "weft/chan/internal/waiter.h"

namespace weft::chan_internal {

// One case. The first three fields are the caller's to fill in.
struct SelectNode {
  ChanCore* core = nullptr;  // null: never ready
  void* element = nullptr;   // a sender's operand or a receiver's destination
  bool is_send = false;

  // RunSelect()'s own.
  uint32_t poll = 0;  // poll[k]: the case to be tried k-th
  uint32_t lock = 0;  // lock[k]: the case whose channel is the k-th to be locked
  union {
    Waiter waiter;  // made when the case is queued
  };

  SelectNode() {}
};

inline constexpr int kDefaultRan = -1;

// Runs one of `count` cases, waiting for it unless there is a default, and returns its index, or
// kDefaultRan. Panics if it is a send on a closed channel that is chosen. Allocates nothing.
// `tried`: the caller has already seen of each case that it is not ready, by a look or by trying
// it.
int RunSelect(SelectNode* nodes, int count, bool has_default, bool tried = false);

// A number below `n`, for a choice among cases of which `channel` is one. `frame` is of the
// caller's.
uint32_t DrawBelow(uint32_t n, ChanCore& channel, const void* frame);

}  // namespace weft::chan_internal

#endif  // WEFT_CHAN_INTERNAL_SELECT_CORE_H_
