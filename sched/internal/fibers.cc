// The life of a fiber: taken, filled in, started, ended, given back.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/context_switch.h"
#include "weft/sched/internal/fiber_values.h"
#include "weft/sched/internal/futex.h"
#include "weft/sched/internal/goexit.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/segments.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/internal/spawn.h"
#include "weft/sched/panic.h"

namespace weft::sched_internal {
namespace {

constexpr int kStackBatch = 16;
constexpr uint64_t kIdBatch = 16;

constinit Atom<int> default_class{StackArena::kDefaultClass};

// Which of a processor's caches holds stacks of this class; -1: none.
int CacheOf(int size_class) {
  if (size_class == StackArena::kDefaultClass) return 0;
  return size_class == StackArena::kSegmentClass ? 1 : -1;
}

int SizeClass(StackKind kind, size_t stack_bytes, size_t closure_bytes) {
  const int least = kind == StackKind::kSegmented ? StackArena::kSegmentClass : 0;
  if (stack_bytes != 0) return std::max(least, StackArena::SizeClass(stack_bytes + closure_bytes));
  // Relaxed: a setting.
  if (kind == StackKind::kFixed) return default_class.load(std::memory_order_relaxed);
  // What is below the guard is not for closures.
  return closure_bytes == 0
             ? least
             : StackArena::SizeClass(StackArena::kDefaultSegmentBytes / 4 * 3 + closure_bytes);
}

}  // namespace

size_t ExchangeDefaultStackBytes(size_t bytes) {
  // Relaxed: a setting.
  return StackArena::StackBytes(
      default_class.exchange(StackArena::SizeClass(bytes), std::memory_order_relaxed));
}

Fiber* Scheduler::TakeFiber(Worker* worker, int size_class) {
  const int cache = CacheOf(size_class);
  if (worker == nullptr || cache < 0) {
    Fiber* fiber = nullptr;
    StackArena::Instance().Take(size_class, &fiber, 1);
    return fiber;
  }
  Processor* processor = worker->processor();
  Fiber** stacks = processor->stacks[cache];
  Atom<int>& count = processor->stack_count[cache];
  int cached = count.load(std::memory_order_relaxed);  // holder-only
  if (cached == 0) cached = StackArena::Instance().Take(size_class, stacks, kStackBatch);
  count.store(--cached, std::memory_order_relaxed);  // a statistic to others
  return stacks[cached];
}

void Scheduler::ReturnFiber(Worker* worker, Fiber* fiber) {
  Processor* processor = worker->processor();
  fiber->status.store(FiberStatus::kDead, std::memory_order_relaxed);  // statistic
  if (fiber->stack.first.next != nullptr || fiber->stack.first.blocks != nullptr) [[unlikely]] {
    ReleaseSegments(&fiber->stack);
  }
  const int cache = CacheOf(fiber->size_class);
  if (processor == nullptr || cache < 0) {
    StackArena::Instance().Give(fiber->size_class, &fiber, 1);
  } else {
    constexpr int kHalf = Processor::kStackCache / 2;
    Fiber** stacks = processor->stacks[cache];
    Atom<int>& count = processor->stack_count[cache];
    int cached = count.load(std::memory_order_relaxed);  // holder-only
    if (cached == Processor::kStackCache) {
      cached -= kHalf;
      StackArena::Instance().Give(fiber->size_class, stacks + cached, kHalf);
    }
    stacks[cached] = fiber;
    count.store(cached + 1, std::memory_order_relaxed);  // a statistic to others
  }
  // ORDER(fiber.ended): release; pairs with the acquire in LiveFibers(): who sees the end sees the
  // start.
  if (processor != nullptr) {
    processor->ended.store(processor->ended.load(std::memory_order_relaxed) + 1,
                           std::memory_order_release);
  } else {
    ended_without_processor_.fetch_add(1, std::memory_order_release);
  }
  // Relaxed: whoever waits looks again by himself.
  if (draining_.load(std::memory_order_relaxed)) [[unlikely]] {
    drained_.fetch_add(
        1, std::memory_order_release);  // ORDER(drain): release; pairs with WaitUntilNoFibers()
    FutexWake(drained_, 1);
  }
}

uint64_t Scheduler::NextFiberId(Worker* worker) {
  // Relaxed: uniqueness needs atomicity only.
  if (worker == nullptr) return next_id_batch_.fetch_add(1, std::memory_order_relaxed);
  Processor* processor = worker->processor();
  if (processor->next_fiber_id == processor->last_fiber_id) {
    processor->next_fiber_id = next_id_batch_.fetch_add(kIdBatch, std::memory_order_relaxed);
    processor->last_fiber_id = processor->next_fiber_id + kIdBatch;
  }
  return processor->next_fiber_id++;
}

void Scheduler::CountStarted(Worker* worker) {
  // Relaxed: statistics; the processor's is written by its holder only.
  if (worker == nullptr) {
    started_by_threads_.fetch_add(1, std::memory_order_relaxed);
  } else {
    auto& started = worker->processor()->started;
    started.store(started.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
}

Spawn::Spawn(StackKind kind, const char* name, size_t stack_bytes, size_t closure_bytes,
             size_t closure_align, void (*run)(void* closure)) {
  Scheduler& scheduler = Scheduler::Instance();
  {
    const PinProcessor pin;
    const race::Ignore ignore;
    if (pin.worker() == nullptr) scheduler.EnsureStarted();
    fiber_ = scheduler.TakeFiber(pin.worker(), SizeClass(kind, stack_bytes, closure_bytes));
  }
  FiberStack& stack = fiber_->stack;
  stack.segment = &stack.first;
  stack.guard = kind == StackKind::kSegmented ? stack.first.guard() : nullptr;
  const uintptr_t top = reinterpret_cast<uintptr_t>(fiber_) - closure_bytes;
  closure_ = reinterpret_cast<void*>(top & ~(std::max<uintptr_t>(closure_align, 16) - 1));
  if (static_cast<char*>(closure_) < fiber_->stack_low() + 8192) {
    Fatal(
        "weft::Go: the closure does not fit on the fiber's stack: raise GoOptions::stack_bytes or "
        "capture by pointer");
  }
  fiber_->name = name;
  fiber_->run = run;
  fiber_->closure = closure_;
  fiber_->creator_pcs[0] = __builtin_return_address(0);
  void* const* frame = static_cast<void* const*>(__builtin_frame_address(0));
  // The frame of the caller: Go(), or what it was inlined into. Frame pointers are kept in all weft
  // builds, but the caller's caller may be foreign code, so only look where a frame can be.
  void* const* caller = static_cast<void* const*>(frame[0]);
  const bool plausible =
      caller > frame &&
      reinterpret_cast<uintptr_t>(caller) - reinterpret_cast<uintptr_t>(frame) < 65536 &&
      reinterpret_cast<uintptr_t>(caller) % 16 == 0;
  fiber_->creator_pcs[1] = plausible ? caller[1] : nullptr;
  const Fiber* creator = CurrentFiber();
  fiber_->creator_id = creator != nullptr ? creator->id : 0;
#if defined(WEFT_ASAN)
  fiber_->sanitizer.InitForFiber(fiber_->stack_low(), fiber_->stack_bytes());
#endif
}

void Spawn::Start() {
  Fiber* fiber = fiber_;
  fiber_ = nullptr;
  fiber->sp.store(PrepareStack(closure_, fiber),
                  std::memory_order_relaxed);  // published by the queue
  fiber->eh = EhGlobals{};
  fiber->goexit = false;
  fiber->bubble = SimBubble();
  LabelSet* labels = CurrentLabelSet();
  fiber->labels = labels;
  if (labels != nullptr) [[unlikely]]
    Reference(labels);
  fiber->wait_reason.store(WaitReason::kNone, std::memory_order_relaxed);  // statistic
#if !defined(WEFT_ASAN)
  fiber->sanitizer.InitForFiber(fiber->stack_low(), fiber->stack_bytes());
#endif
  Scheduler& scheduler = Scheduler::Instance();
  {
    const PinProcessor pin;
    const race::Ignore ignore;
    fiber->id = scheduler.NextFiberId(pin.worker());
    fiber->sanitizer.Name(fiber->id, fiber->name);
    scheduler.CountStarted(pin.worker());
    scheduler.MakeReadyNext(fiber);
  }
  SafePoint(Op::kGo);
}

void Spawn::Abandon() {
  race::Forget(fiber_->stack_low(), fiber_->stack_bytes());
  const race::Ignore ignore;
  // Relaxed: it was dead and stays so.
  StackArena::Instance().Give(fiber_->size_class, &fiber_, 1);
}

#if defined(WEFT_TSAN)
void FatalTooManySanitizedFibers() {
  Fatal(absl::StrCat(
      "more than ", kMaxSanitizedFibers,
      " fibers at once, which ThreadSanitizer of this compiler cannot follow: run fewer "
      "under --config=tsan, or build with clang 19"));
}
#endif

void FatalNilFunction() { Fatal("go of nil func value"); }

bool IsGoexitUnwinding() {
  const Fiber* fiber = CurrentFiber();
  return fiber != nullptr && fiber->goexit;
}

extern "C" void weft_fiber_main(void* argument) {
  auto* fiber = static_cast<Fiber*>(argument);
  Scheduler& scheduler = Scheduler::Instance();
  SanitizerAfterSwitch(fiber->sanitizer);
  scheduler.FinishSwitch(CurrentWorker());
  CurrentWorker()->LeaveRuntime();
  try {
    // No other handler: an exception that nobody catches finds the end of the stack in the first
    // phase of unwinding, and std::terminate is called where it was thrown, with all frames still
    // there.
    fiber->run(fiber->closure);
  } catch (const GoexitUnwind&) {
  }
  if (fiber->values != nullptr || fiber->labels != nullptr) [[unlikely]]
    EndFiberValues(fiber);
  // For Shutdown(), which waits for all.
  race::Release(&scheduler);
  Worker* worker = CurrentWorker();
  if (fiber->locked_to != nullptr) [[unlikely]]
    scheduler.EndWithFiber(worker, fiber);
  scheduler.Leave(worker, fiber, After::kEnd);
  __builtin_unreachable();
}

}  // namespace weft::sched_internal
