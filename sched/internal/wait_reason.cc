// What dumps call the reasons to wait. A library of its own: the scheduler and the model explorer
// both print them.
#include <string_view>

#include "weft/sched/park.h"

namespace weft {

std::string_view WaitReasonText(WaitReason reason) {
  switch (reason) {
    case WaitReason::kNone:
      return "";
    case WaitReason::kChanReceiveNil:
      return "chan receive (nil chan)";
    case WaitReason::kChanSendNil:
      return "chan send (nil chan)";
    case WaitReason::kChanReceive:
      return "chan receive";
    case WaitReason::kChanSend:
      return "chan send";
    case WaitReason::kSelect:
      return "select";
    case WaitReason::kSelectNoCases:
      return "select (no cases)";
    case WaitReason::kSleep:
      return "sleep";
    case WaitReason::kSemacquire:
      return "semacquire";
    case WaitReason::kSyncCondWait:
      return "sync.Cond.Wait";
    case WaitReason::kSyncMutexLock:
      return "sync.Mutex.Lock";
    case WaitReason::kSyncRWMutexRLock:
      return "sync.RWMutex.RLock";
    case WaitReason::kSyncRWMutexLock:
      return "sync.RWMutex.Lock";
    case WaitReason::kSyncWaitGroupWait:
      return "sync.WaitGroup.Wait";
    case WaitReason::kSyncOnceDo:
      return "sync.Once.Do";
    case WaitReason::kSyncBarrierArrive:
      return "sync.Barrier.ArriveAndWait";
    case WaitReason::kSyncEventWait:
      return "sync.Event.Wait";
    case WaitReason::kSyncLatchWait:
      return "sync.Latch.Wait";
    case WaitReason::kSyncMonitorWait:
      return "sync.Monitor.Wait";
    case WaitReason::kIoWait:
      return "IO wait";
    case WaitReason::kPanicWait:
      return "panicwait";
    case WaitReason::kForever:
      return "forever";
    case WaitReason::kSynctestWait:
      return "synctest.Wait";
  }
  return "unknown";
}

}  // namespace weft
