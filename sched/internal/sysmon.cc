#include "weft/sched/internal/sysmon.h"

#include <algorithm>
#include <utility>

#include "weft/sched/internal/debug_options.h"
#include "weft/sched/internal/environment.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/stack_arena.h"
#include "weft/sched/internal/terminate.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/panic.h"

namespace weft::sched_internal {

void Sysmon::Start(Scheduler* scheduler) {
  scheduler_ = scheduler;
  stop_.store(0, std::memory_order_relaxed);                       // published by pthread_create
  coarse_now_.store(MonotonicNanos(), std::memory_order_relaxed);  // statistic
  follow_due_ns_ = coarse_now() + kFollowTickNs;
  if (pthread_create(&thread_, nullptr, &Main, this) != 0) Fatal("cannot start the monitor thread");
}

void Sysmon::Stop() {
  // ORDER(sysmon.stop): seq_cst; pairs with the loads in Loop() and, with the exchange in Wake(),
  // in DeepSleep().
  stop_.store(1, std::memory_order_seq_cst);
  FutexWake(stop_, 1);
  Wake();
  pthread_join(thread_, nullptr);
}

void* Sysmon::Main(void* self) {
  pthread_setname_np(pthread_self(), "weft-sysmon");
  static_cast<Sysmon*>(self)->Loop();
  return nullptr;
}

void Sysmon::Loop() {
  int idle_ticks = 0;
  // ORDER(sysmon.stop): seq_cst; pairs with the store in Stop().
  while (stop_.load(std::memory_order_seq_cst) == 0) {
    if (QuitAsked()) Quit();
    const int64_t now = MonotonicNanos();
    coarse_now_.store(now, std::memory_order_relaxed);  // statistic
    Trace(now);
    if (scheduler_->NothingToDo()) {
      look_again_ = false;
      // What is to be traced must not be missed.
      if (++idle_ticks > kIdleTicksBeforeSleep && Debug().schedtrace <= 0) {
        DeepSleep();
        idle_ticks = 0;
        continue;
      }
    } else {
      idle_ticks = 0;
      Tick(now);
      FollowSystem(now);
    }
    DecayStacks(now);
    const int64_t tick = blocking_seen_ || look_again_ ? kTickShortNs
                         : scheduler_->AnyIdle()       ? kTickWithIdleNs
                                                       : kTickNs;
    FutexWait(stop_, 0, now + tick);
  }
}

void Sysmon::Tick(int64_t now_ns) {
  CheckProcessors(now_ns);
  const bool second_look = std::exchange(look_again_, false);
  if (!scheduler_->AnyIdle()) return;
  const Waiting waiting = LookForWork(now_ns);
  if (waiting == Waiting::kForLong) scheduler_->WakeOne();
  look_again_ = waiting == Waiting::kSinceLately && !second_look;
}

void Sysmon::CheckProcessors(int64_t now_ns) {
  blocking_seen_ = false;
  for (int i = 0; i < scheduler_->allocated_processors(); ++i) {
    Processor* processor = scheduler_->processor(i);
    Watch& watch = watch_[i];
    const uint32_t slice = processor->time_slice.load(std::memory_order_relaxed);  // statistic
    // ORDER(processor.holder): acquire; pairs with the release in Hold().
    Worker* holder = processor->holder.load(std::memory_order_acquire);
    if (holder == nullptr) {
      watch = {.time_slice = slice, .since_ns = now_ns};
      continue;
    }
    const uint32_t blocking = holder->blocking.load(std::memory_order_relaxed);  // statistic
    const bool same_call = blocking % 2 == 1 && blocking == watch.blocking;
    if (blocking % 2 == 1) blocking_seen_ = true;
    watch.blocking = blocking;
    if (slice != watch.time_slice) {
      watch.time_slice = slice;
      watch.since_ns = now_ns;
      watch.asked_ns = 0;
    } else if (same_call) {
      RetakeFromBlocking(processor, watch, now_ns);
    } else {
      CheckTimeSlice(processor, watch, now_ns);
    }
  }
}

void Sysmon::CheckTimeSlice(Processor* processor, Watch& watch, int64_t now_ns) {
  const bool expired = now_ns - watch.since_ns >= kTimeSliceNs;
  const bool overdue = scheduler_->NextTimerFor(*processor) <= now_ns - kTickNs / 2;
  if (!expired && !overdue) return;
  if (watch.asked_ns == 0) {
    watch.asked_ns = now_ns;
    scheduler_->Interrupt(processor);
  } else if (now_ns - watch.asked_ns >= kTickNs / 2 * (1 + scheduler_->displaced()) &&
             scheduler_->IsNeeded(processor)) {
    // It has not come to a safe point since. The more threads run on without a processor, the
    // likelier it is that this one only waits for the system to let it run, and another would only
    // wait beside it: without patience, a machine with too much to do would get a thread every
    // tick.
    scheduler_->TakeProcessor(processor, {watch.time_slice, watch.blocking});
  }
}

// A call that lasts for more than a tick. With nothing to do for the processor and others idle it
// stays where it is, for then the call ends soonest.
void Sysmon::RetakeFromBlocking(Processor* processor, const Watch& watch, int64_t now_ns) {
  const bool needed = scheduler_->IsNeeded(processor) || !scheduler_->AnyIdleOrSpinning();
  if (!needed && now_ns - watch.since_ns < kTimeSliceNs) return;
  scheduler_->TakeProcessor(processor, {watch.time_slice, watch.blocking});
}

Sysmon::Waiting Sysmon::LookForWork(int64_t now_ns) {
  if (scheduler_->EarliestTimer() <= now_ns || scheduler_->GlobalSize() != 0) {
    return Waiting::kForLong;
  }
  Waiting answer = Waiting::kNothing;
  for (int i = 0; i < scheduler_->allocated_processors(); ++i) {
    const Processor* processor = scheduler_->processor(i);
    Watch& watch = watch_[i];
    // Relaxed, all: a guess; whoever is woken looks for himself.
    const Fiber* next = processor->lifo.load(std::memory_order_relaxed);
    const uint32_t round = processor->round.load(std::memory_order_relaxed);
    const bool same_next = next != nullptr && next == watch.next && round == watch.round;
    watch.next = next;
    watch.round = round;
    if (same_next) {
      scheduler_->ExpectWakersToGoOn(true);
      return Waiting::kForLong;
    }
    const bool queued = processor->ring.size() != 0;
    // The slice began before this tick, so what is queued has waited for a while.
    if (queued && watch.since_ns < now_ns) return Waiting::kForLong;
    if (queued || next != nullptr) answer = Waiting::kSinceLately;
  }
  return answer;
}

void Sysmon::DecayStacks(int64_t now_ns) {
  if (now_ns < decay_due_ns_) return;
  const int64_t due = StackArena::Instance().Decay(now_ns);
  decay_due_ns_ = std::min(due, now_ns + kDecayTickNs);
}

// An affinity mask or a quota that has changed changes GOMAXPROCS, unless somebody has set that.
void Sysmon::FollowSystem(int64_t now_ns) {
  if (now_ns < follow_due_ns_) return;
  follow_due_ns_ = now_ns + kFollowTickNs;
  if (!scheduler_->follows_system() || Debug().updatemaxprocs == 0) return;
  const int n = DefaultProcessors();
  if (n == scheduler_->processors()) return;
  scheduler_->SetProcessors(n, Scheduler::SetBy::kSystem);
}

void Sysmon::Trace(int64_t now_ns) {
  if (Debug().schedtrace <= 0 || now_ns < trace_due_ns_) return;
  if (trace_start_ns_ == 0) trace_start_ns_ = now_ns;
  trace_due_ns_ = now_ns + Debug().schedtrace * int64_t{1'000'000};
  WriteError(
      scheduler_->TraceText((now_ns - trace_start_ns_) / 1'000'000, Debug().scheddetail > 0));
}

void Sysmon::DeepSleep() {
  // ORDER(sysmon.sleep): seq_cst; pairs with the load in WakeIfAsleep().
  asleep_.store(1, std::memory_order_seq_cst);
  // ORDER(sysmon.stop): seq_cst; either we see the stop, or Stop() sees that we sleep and wakes us.
  while (scheduler_->NothingToDo() && !QuitAsked() &&
         asleep_.load(std::memory_order_seq_cst) == 1 &&
         stop_.load(std::memory_order_seq_cst) == 0) {
    // An idle process gives its memory back, and only then sleeps for good.
    scheduler_->DropSpareMemory();
    FutexWait(asleep_, 1, StackArena::Instance().Decay(MonotonicNanos()));
  }
  // ORDER(sysmon.sleep): seq_cst, as all writes of the word.
  asleep_.store(0, std::memory_order_seq_cst);
}

void Sysmon::Wake() {
  // ORDER(sysmon.sleep): seq_cst, as all writes of the word.
  if (asleep_.exchange(0, std::memory_order_seq_cst) != 0) FutexWake(asleep_, 1);
}

}  // namespace weft::sched_internal
