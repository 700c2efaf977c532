#include "weft/chan/internal/operations.h"

#include "weft/sched/panic.h"

namespace weft::chan_internal {

void BlockForever(WaitReason reason) {
  for (;;) Park(reason);
}

void PanicSendOnClosed() { Panic("send on closed channel"); }

void PanicCloseOfNil() { Panic("close of nil channel"); }

}  // namespace weft::chan_internal
