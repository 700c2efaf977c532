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
  return worker->BeginBlocking();
}

}  // namespace

BlockingRegion::BlockingRegion() : outermost_(Begin()) {}

BlockingRegion::~BlockingRegion() {
  if (!outermost_) return;
  Worker* worker = sched_internal::CurrentWorker();
  Scheduler::Instance().EndBlocking(worker, worker->current);
}

}  // namespace weft
