// What a world does when no fiber is ready: time, what comes from outside, and the end.
#include <algorithm>
#include <utility>

#include "absl/debugging/symbolize.h"
#include "weft/sched/internal/futex.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/real_clock.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/sim_world.h"

namespace weft::sim_internal {

using sched_internal::RealMonotonicNanos;
using sched_internal::Scheduler;
using sched_internal::TimerQueue;

namespace {

// Go's list of what only the bubble itself can end. `inside`: what was touched belongs to it.
bool IsDurable(WaitReason reason, bool inside) {
  switch (reason) {
    case WaitReason::kChanReceive:
    case WaitReason::kChanSend:
    case WaitReason::kSelect:
    case WaitReason::kSyncWaitGroupWait:
      return inside;
    case WaitReason::kChanReceiveNil:
    case WaitReason::kChanSendNil:
    case WaitReason::kSelectNoCases:
    case WaitReason::kForever:
    case WaitReason::kSleep:
    case WaitReason::kSyncCondWait:
    case WaitReason::kSynctestWait:
      return true;
    default:
      return false;
  }
}

}  // namespace

Fiber* World::FindRunnable() {
  while (!ended_) {
    TakeInbox();
    if (!ready_.empty()) return Take(static_cast<size_t>(Pick(0, nullptr)));
    if (live_ == 0) break;
    if (WakeWaiter() || AwaitOutside() || AdvanceTime()) continue;
    if (!ended_) ReportAsleep();
    break;
  }
  return nullptr;
}

bool World::AllDurable() const {
  if (!options_.bubble_rules) return true;
  return std::all_of(members_.begin(), members_.end(), [](const Member& member) {
    if (member.fiber == nullptr) return true;
    const WaitReason reason = member.fiber->wait_reason.load(std::memory_order_relaxed);  // ours
    return IsDurable(reason, member.durable);
  });
}

bool World::WakeWaiter() {
  if (waiter_ == nullptr || !AllDurable()) return false;
  Ready(std::exchange(waiter_, nullptr));
  return true;
}

void World::WaitForOthers() {
  if (waiter_ != nullptr) Panic("wait already in progress");
  waiter_ = worker_.current;
  Park(WaitReason::kSynctestWait);
  race::Acquire(this);
}

// True: somebody outside has ended a wait.
bool World::AwaitOutside() {
  if (AllDurable()) return false;
  const int64_t deadline = RealMonotonicNanos() + absl::ToInt64Nanoseconds(options_.patience);
  // ORDER(sim.inbox): acquire; pairs with the release in MakeReadyFromOutside().
  while (inbox_size_.load(std::memory_order_acquire) == 0) {
    if (RealMonotonicNanos() >= deadline) {
      ended_ = true;
      Report(
          "a fiber of the bubble has been blocked for long on something that is not the bubble's "
          "own, so its time stands still");
      return false;
    }
    sched_internal::FutexWait(inbox_size_, 0, deadline);
  }
  return true;
}

bool World::AdvanceTime() {
  if (ended_) return false;
  TimerQueue& timers = worker_.processor()->timers;
  const int64_t next = timers.next_when();
  if (next == TimerQueue::kNever) return false;
  const bool main_has_ended = members_[1].fiber == nullptr;
  if (main_has_ended && (options_.bubble_rules || next > drain_until_)) return false;
  if (++points_ > options_.max_points) {
    Die(sched_internal::SimDeath::kFatal, "no end: only time passes");
  }
  now_ns = std::max(now_ns, next);
  NoteTime();
  timers.RunDue(now_ns);
  race::Release(this);  // before a later Wait()
  return true;
}

void World::MakeReadyFromOutside(Fiber* fiber) {
  const race::Ignore ignore;
  sched_internal::SpinLockHolder hold(inbox_lock_);
  inbox_.push_back(fiber);
  // ORDER(sim.inbox): release; pairs with the acquires in AwaitOutside() and TakeInbox().
  inbox_size_.store(static_cast<uint32_t>(inbox_.size()), std::memory_order_release);
  sched_internal::FutexWake(inbox_size_, 1);
}

void World::TakeInbox() {
  // ORDER(sim.inbox): acquire; pairs with the release in MakeReadyFromOutside().
  if (inbox_size_.load(std::memory_order_acquire) == 0) [[likely]]
    return;
  const race::Ignore ignore;
  std::vector<Fiber*> arrived;
  {
    sched_internal::SpinLockHolder hold(inbox_lock_);
    arrived.swap(inbox_);
    inbox_size_.store(0, std::memory_order_relaxed);  // under the lock
  }
  for (Fiber* fiber : arrived) MakeReady(fiber);
}

// --- The end. ---

void World::ReportAsleep() {
  ended_ = true;
  const bool main_has_ended = members_[1].fiber == nullptr;
  if (!main_has_ended) {
    Report(options_.bubble_rules ? "deadlock: all fibers in bubble are blocked"
                                 : "all fibers are asleep - deadlock!");
  } else if (options_.bubble_rules) {
    Report("deadlock: main bubble fiber has exited but blocked fibers remain");
  } else if (!options_.may_leave_fibers) {
    Report("main has ended, and these fibers are left over: " + std::to_string(live_));
  }
}

void World::Die(sched_internal::SimDeath how, std::string_view text) {
  const bool panic = how == sched_internal::SimDeath::kPanic;
  ended_ = true;
  Report((panic ? "panic: " : "fatal error: ") + std::string(text));
  LeaveForEver();
}

void World::Fail(std::string_view text) {
  ended_ = true;
  Report(text);
  LeaveForEver();
}

void World::LeaveForEver() {
  if (worker_.current == nullptr) throw WorldEnded{};
  Scheduler::Instance().Leave(&worker_, worker_.current, After::kNothing);
  __builtin_unreachable();
}

void World::Report(std::string_view heading) {
  const race::Ignore ignore;
  failed_ = true;
  failure_ = heading;
  if (options_.verbose && worker_.current != nullptr) {
    Tell(Event::Kind::kFailure, worker_.current, Op::kOther, 0);
  }
  report_ = failure_ + "\n\n";
  if (!options_.stacks) return;
  // To the symbolizer the first argument is where to look for the program.
  absl::InitializeSymbolizer("/proc/self/exe");
  for (const Member& member : members_) {
    if (member.fiber != nullptr) sched_internal::AppendFiber(&report_, *member.fiber);
  }
}

// Fibers that will never go on. Their stacks are not used again: what they own is not given back,
// and stays reachable for a leak checker.
void World::Abandon() {
  for (Member& member : members_) {
    if (member.fiber == nullptr) continue;
    // Relaxed: a statistic.
    member.fiber->status.store(sched_internal::FiberStatus::kDead, std::memory_order_relaxed);
    member.fiber->sanitizer.DestroyForFiber();
    member.fiber = nullptr;
  }
  live_ = 0;
}

}  // namespace weft::sim_internal
