#include "weft/sync/monitor.h"

#include "weft/sched/panic.h"
#include "weft/sched/park.h"

namespace weft {

void Monitor::RequireHolder(const char* complaint) const {
  if (HoldCount() == 0) Panic(complaint);
}

bool Monitor::WaitUntilNanos(int64_t deadline_ns) {
  // Restores the levels also when Goexit() or an exception passes through.
  struct Restore {
    ~Restore() { mutex->Own(caller, holds); }
    ReentrantMutex* mutex;
    Parkable* caller;
    int holds;
  };
  RequireHolder("sync: Wait outside the Monitor");
  Restore restore{&mutex_, CurrentParkable(), mutex_.Disown()};
  return notified_.WaitUntilNanos(deadline_ns, WaitReason::kSyncMonitorWait);
}

void Monitor::Notify() {
  RequireHolder("sync: Notify outside the Monitor");
  notified_.Signal();
}

void Monitor::NotifyAll() {
  RequireHolder("sync: NotifyAll outside the Monitor");
  notified_.Broadcast();
}

}  // namespace weft
