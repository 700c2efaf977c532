// What the scheduler tells of itself: counts for metrics.h, and the lines of WEFT_DEBUG=schedtrace,
// whose words are Go's.
#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/strings/str_format.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/terminate.h"

namespace weft::sched_internal {
namespace {

// A field that its owner writes without telling anybody.
template <typename T>
T Peek(const T& field) {
  return std::atomic_ref<T>(const_cast<T&>(field)).load(std::memory_order_relaxed);  // a statistic
}

std::string IdText(const Fiber* fiber) {
  return fiber != nullptr ? absl::StrFormat("%d", fiber->id) : "nil";
}

std::string IdText(const Worker* worker) {
  return worker != nullptr ? absl::StrFormat("%d", worker->id) : "nil";
}

// Go's numbers.
int StatusNumber(FiberStatus status) {
  switch (status) {
    case FiberStatus::kRunnable:
      return 1;
    case FiberStatus::kRunning:
      return 2;
    case FiberStatus::kWaiting:
      return 4;
    case FiberStatus::kDead:
      break;
  }
  return 6;
}

// Likewise: idle, running, dead.
int StatusNumber(ProcessorState state) {
  switch (state) {
    case ProcessorState::kIdle:
      return 0;
    case ProcessorState::kHeld:
      return 1;
    case ProcessorState::kRetired:
      break;
  }
  return 4;
}

void AppendProcessor(std::string* text, const Processor& processor) {
  // ORDER(processor.holder): acquire; pairs with the release in Hold().
  const Worker* holder = processor.holder.load(std::memory_order_acquire);
  // Relaxed: statistics.
  const uint32_t blocking =
      holder != nullptr ? holder->blocking.load(std::memory_order_relaxed) : 0;
  int stacks = 0;
  for (const Atom<int>& count : processor.stack_count) {
    stacks += count.load(std::memory_order_relaxed);
  }
  absl::StrAppendFormat(
      text,
      "  P%d: status=%d schedtick=%d syscalltick=%d m=%s runqsize=%d gfreecnt=%d timerslen=%d\n",
      processor.id, StatusNumber(Peek(processor.state)),
      processor.round.load(std::memory_order_relaxed), blocking / 2, IdText(holder),
      processor.ring.size(), stacks, processor.timers.size());
}

void AppendWorker(std::string* text, const Worker& worker, const Fiber* current) {
  const Processor* processor = worker.processor();
  const auto yes_no = [](bool value) { return value ? "true" : "false"; };
  absl::StrAppendFormat(
      text,
      "  M%d: p=%s curg=%s mallocing=0 throwing=0 preemptoff= locks=0 dying=%d spinning=%s "
      "blocked=%s lockedg=%s\n",
      worker.id, processor != nullptr ? absl::StrFormat("%d", processor->id) : "nil",
      IdText(current), Dying() ? 1 : 0, yes_no(Peek(worker.spinning)),
      yes_no(Peek(worker.in_idle_list)), IdText(Peek(worker.locked_fiber)));
}

void AppendFiberLine(std::string* text, const Fiber& fiber, const Worker* runs_on) {
  // Relaxed: statistics.
  const int status = StatusNumber(fiber.status.load(std::memory_order_relaxed));
  const WaitReason reason = fiber.wait_reason.load(std::memory_order_relaxed);
  absl::StrAppendFormat(text, "  G%d: status=%d(%s) m=%s lockedm=%s\n", fiber.id, status,
                        WaitReasonText(status == 4 ? reason : WaitReason::kNone), IdText(runs_on),
                        IdText(Peek(fiber.locked_to)));
}

}  // namespace

Scheduler::Counts Scheduler::Count() const {
  // Relaxed, all of them: statistics.
  Counts counts;
  counts.threads = static_cast<uint64_t>(runtime_threads());
  counts.runnable = static_cast<uint64_t>(GlobalSize());
  for (int i = 0; i < allocated_processors(); ++i) {
    const bool in_slot = processor(i)->lifo.load(std::memory_order_relaxed) != nullptr;
    counts.runnable += processor(i)->ring.size() + (in_slot ? 1 : 0);
  }
  SpinLockHolder hold(lock_);
  for (const Worker* worker = all_workers_; worker != nullptr; worker = worker->next_worker) {
    if (!worker->in_user_code.load(std::memory_order_relaxed)) continue;
    const bool blocking = worker->blocking.load(std::memory_order_relaxed) % 2 == 1;
    ++(blocking ? counts.blocking : counts.running);
  }
  return counts;
}

uint64_t Scheduler::StartedFibers() const {
  // Relaxed: statistics.
  uint64_t started = started_by_threads_.load(std::memory_order_relaxed);
  for (int i = 0; i < allocated_processors(); ++i) {
    started += processor(i)->started.load(std::memory_order_relaxed);
  }
  return started;
}

int Scheduler::ListWorkers(Worker** workers, int capacity, int* idle) const {
  SpinLockHolder hold(lock_);
  *idle = 0;
  for (const Worker* worker = idle_workers_; worker != nullptr; worker = worker->next_idle) ++*idle;
  int count = 0;
  for (Worker* worker = all_workers_; worker != nullptr && count < capacity;
       worker = worker->next_worker) {
    workers[count++] = worker;
  }
  return count;
}

std::string Scheduler::TraceText(int64_t elapsed_ms, bool detail) const {
  const SanitizerIgnoreReads ignore;
  // Workers that come meanwhile are left out.
  const int capacity = runtime_threads() + 16;
  const auto workers = std::make_unique<Worker*[]>(static_cast<size_t>(capacity));
  int idle = 0;
  const int count = ListWorkers(workers.get(), capacity, &idle);
  int idle_locked = 0;
  for (int i = 0; i < count; ++i) {
    if (Peek(workers[i]->locked_fiber) != nullptr && workers[i]->processor() == nullptr) {
      ++idle_locked;
    }
  }

  std::string text = absl::StrFormat(
      "SCHED %dms: gomaxprocs=%d idleprocs=%d threads=%d spinningthreads=%d needspinning=0 "
      "idlethreads=%d runqueue=%d",
      elapsed_ms, processors(), idle_.idle(), runtime_threads(), idle_.spinning(), idle,
      GlobalSize());
  if (!detail) {
    std::string ticks;
    text += " [ ";
    for (int i = 0; i < processors(); ++i) {
      // Relaxed: a statistic.
      absl::StrAppendFormat(&text, "%d ", processor(i)->ring.size());
      absl::StrAppendFormat(&ticks, "%d ", processor(i)->round.load(std::memory_order_relaxed));
    }
    absl::StrAppendFormat(&text, "] schedticks=[ %s]\n", ticks);
    return text;
  }

  absl::StrAppendFormat(&text, " gcwaiting=false nmidlelocked=%d stopwait=0 sysmonwait=false\n",
                        idle_locked);
  for (int i = 0; i < allocated_processors(); ++i) AppendProcessor(&text, *processor(i));
  std::unordered_map<const Fiber*, const Worker*> runs_on;
  for (int i = 0; i < count; ++i) {
    const Fiber* current = Peek(workers[i]->current);
    if (current != nullptr) runs_on[current] = workers[i];
    AppendWorker(&text, *workers[i], current);
  }
  StackArena::Instance().ForEachLive([&](const Fiber* fiber) {
    const auto found = runs_on.find(fiber);
    AppendFiberLine(&text, *fiber, found != runs_on.end() ? found->second : nullptr);
  });
  return text;
}

}  // namespace weft::sched_internal
