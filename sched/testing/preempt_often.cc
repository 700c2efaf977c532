#include "weft/sched/testing/preempt_often.h"

#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/segments.h"
#include "weft/sched/internal/worker.h"

namespace weft::testing {
namespace {

using sched_internal::Processor;
using sched_internal::Scheduler;
using sched_internal::Worker;

// What sysmon does at the end of a time slice, without taking the request back: every safe point
// yields from now on, and the next prologue.
void Ask(Processor* processor) {
  // ORDER(processor.holder): acquire; pairs with the release in Hold().
  Worker* worker = processor->holder.load(std::memory_order_acquire);
  if (worker == nullptr || !worker->handoff.try_lock()) return;
  // ORDER(processor.holder): acquire; as above. A worker whose thread ends drops it under the lock.
  if (processor->holder.load(std::memory_order_acquire) == worker) {
    worker->locals->preempt.store(1, std::memory_order_relaxed);  // a request
    sched_internal::PoisonGuard(worker->locals);
  }
  worker->handoff.unlock();
}

}  // namespace

PreemptOften::PreemptOften()
    : thread_([this] {
        Scheduler& scheduler = Scheduler::Instance();
        // Relaxed: nothing is handed over.
        while (!stop_.load(std::memory_order_relaxed)) {
          for (int i = 0; i < scheduler.allocated_processors(); ++i) Ask(scheduler.processor(i));
        }
      }) {}

PreemptOften::~PreemptOften() {
  stop_.store(true, std::memory_order_relaxed);
  thread_.join();
}

}  // namespace weft::testing
