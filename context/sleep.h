// sleep.h: to sleep for a while, unless the context ends first.
//
// Go: select { case <-time.After(d): case <-ctx.Done(): }; here without a channel or an allocation.
//
// Thread safety: may be called from fibers and plain threads alike.
// Blocks: the fiber, or the thread when the caller is not a fiber. In a synctest bubble durably.
// Ordering: the cancellation that ends a sleep synchronizes with its return.
// Cost: a sleep and a CancelWatcher; no allocation.
//
//   while (!Connected()) {
//     absl::Status ended = weft::Sleep(ctx, absl::Milliseconds(100));
//     if (!ended.ok()) return ended;
//   }
#ifndef WEFT_CONTEXT_SLEEP_H_
#define WEFT_CONTEXT_SLEEP_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"

namespace weft {

// Returns OK after `d`, or ctx.Err() as soon as the context has ended. With d <= 0 returns at once,
// OK if the context is alive.
absl::Status Sleep(const Context& ctx, absl::Duration d);

}  // namespace weft

#endif  // WEFT_CONTEXT_SLEEP_H_
