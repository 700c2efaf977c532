#include "weft/sched/blocking.h"

#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/worker.h"

namespace weft {
namespace {

using sched_internal::Scheduler;
using sched_internal::Worker;

bool Begin() {
  Worker* worker = sched_internal::CurrentWorker();
  if (worker == nullptr || worker->current == nullptr) return false;
  const uint32_t blocking = worker->blocking.load(std::memory_order_relaxed);  // owner-only
  if (blocking % 2 == 1) return false;
  // A fiber that parks inside leaves through the scheduler proper, which ends the region.
  worker->interrupt.store(true, std::memory_order_relaxed);         // read by the same thread
  worker->blocking.store(blocking + 1, std::memory_order_relaxed);  // a statistic to sysmon
  return true;
}

}  // namespace

BlockingRegion::BlockingRegion() : outermost_(Begin()) {}

BlockingRegion::~BlockingRegion() {
  if (!outermost_) return;
  Worker* worker = sched_internal::CurrentWorker();
  Scheduler::Instance().EndBlocking(worker, worker->current);
}

}  // namespace weft
