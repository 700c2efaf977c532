#include "weft/sync/internal/spin.h"

#include "weft/sched/go.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/thread_local.h"
#include "weft/sched/internal/worker.h"

namespace weft::sync_internal {
namespace {

bool SeveralProcessors() {
  static const bool several = NumCPU() > 1;
  return several;
}

}  // namespace

// A fiber that has others behind it parks: that costs it no more than a few turns of a spin. With nobody behind it, its
// worker would look for work and go to sleep, which costs more than the spin can.
bool MaySpin() {
  if (!SeveralProcessors()) return false;
  const sched_internal::Worker* const worker = sched_internal::CurrentWorker();
  if (worker == nullptr) return true;
  const sched_internal::Processor* const processor = worker->processor();
  // Relaxed: hints.
  return processor != nullptr && sched_internal::Scheduler::Instance().processors() > 1 &&
         processor->lifo.load(std::memory_order_relaxed) == nullptr && processor->ring.size() == 0;
}

}  // namespace weft::sync_internal
