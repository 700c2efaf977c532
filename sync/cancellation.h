// cancellation.h: how a wait learns that it is to be given up, without knowing what may cancel it.
//
// A primitive that waits on behalf of a context embeds a CancelWatcher in the waiter's frame. What
// can be cancelled (weft's Context, or anything else that satisfies the concept) calls it once.
//
// Go: the case <-ctx.Done() in a select; here it costs no channel.
//
// Thread safety: Watch() and Unwatch() of one watcher are called by its owner, in this order, once
//   each. The callback comes from whoever cancels.
// Blocks: the callback must not, nor throw; it may call Ready() and Go(). Unwatch() may wait for a
//   callback that runs.
// Ordering: the cancellation synchronizes with the callback, and the callback with the Unwatch()
//   that waited for it.
// Lifetime: after Unwatch(), or after a Watch() that failed, nobody refers to the watcher any more.
// Cost: two links, no allocation.
#ifndef WEFT_SYNC_CANCELLATION_H_
#define WEFT_SYNC_CANCELLATION_H_

#include <concepts>

#include "absl/status/status.h"

namespace weft {

class CancelWatcher {
 public:
  using Callback = void (*)(CancelWatcher* watcher);

  explicit CancelWatcher(Callback callback) : callback_(callback) {}
  CancelWatcher(const CancelWatcher&) = delete;
  CancelWatcher& operator=(const CancelWatcher&) = delete;

  // For the one who cancels.
  void Notify() { callback_(this); }

  // For the one who is watched: the links of its list, guarded by its lock. Null when in none.
  CancelWatcher* next = nullptr;
  CancelWatcher* prev = nullptr;
  // Whatever else it needs to find the watcher again.
  void* proxy = nullptr;

 private:
  Callback const callback_;
};

template <typename T>
concept Cancellation = requires(const T& context, CancelWatcher* watcher) {
  // OK while alive; afterwards why it ended.
  { context.Err() } -> std::convertible_to<absl::Status>;
  // Registers the watcher. Returns false, and forgets it, if the cancellation has happened already.
  { context.Watch(watcher) } -> std::same_as<bool>;
  // When it returns, the callback has ended or will never come.
  context.Unwatch(watcher);
};

}  // namespace weft

#endif  // WEFT_SYNC_CANCELLATION_H_
