// Ends somebody's wait when a context does.
#ifndef WEFT_SYNC_INTERNAL_WAIT_CANCELLER_H_
#define WEFT_SYNC_INTERNAL_WAIT_CANCELLER_H_

#include "weft/sync/cancellation.h"
#include "weft/sync/internal/waiter.h"

namespace weft::sync_internal {

struct WaitCanceller : CancelWatcher {
  explicit WaitCanceller(Waiter* waiter)
      : CancelWatcher(
            [](CancelWatcher* self) { static_cast<WaitCanceller*>(self)->waiter->Cancel(); }),
        waiter(waiter) {}
  Waiter* const waiter;
};

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_WAIT_CANCELLER_H_
