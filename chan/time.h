// time.h: timers that send the time on a channel or run a function.
//
// Go: time.After, AfterFunc, Timer, NewTimer, Ticker, NewTicker and Tick, with the rules since Go
//   1.23: the channels seem unbuffered (len and cap are 0), and after Stop() or Reset() has
//   returned no time from before is received; and a timer whose channel nobody waits on wakes
//   nobody, nor does it hide a deadlock. time.Sleep is weft::Sleep (sched/go.h). Difference: Timer
//   and Ticker are handles; copies are the same timer.
//
// Thread safety: yes, all.
// Blocks: nothing; the last handle's end may spin for the few instructions that an alarm for
//   somebody who waited is being handled on another thread.
// Ordering: what precedes making or resetting a timer is before the receive of its time, and before
//   the function.
// Lifetime: a channel that nobody holds any more takes its timer with it: After(absl::Hours(1)) in
//   a select that goes another way leaves nothing behind. A function of AfterFunc() runs even if
//   its Timer was dropped.
// Misuse: an interval that is not positive panics: `non-positive interval for …`; Tick() returns
//   nil. Stop() or Reset() of a Timer{} panics. Ticker{}.Stop() does nothing.
// Cost: making one: one allocation of 320 bytes and a reading of the clock, 60 ns; Stop() a lock,
//   Reset() a lock and the clock, 30 ns; the same of a function, and a timer of the scheduler
//   (sched/timer.h). A time that nobody waits for costs nothing when it comes. To receive one that
//   is due: a lock and two readings of a clock, 50 ns; to wait for one: a timer of the scheduler.
//
//   weft::Ticker ticker(absl::Seconds(1));
//   for (absl::Time now : ticker.C()) Report(now);
#ifndef WEFT_CHAN_TIME_H_
#define WEFT_CHAN_TIME_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/sched/internal/stack_kind.h"

namespace weft {

namespace chan_internal {
class TimerChan;
class TimerFunc;
}  // namespace chan_internal

// A single event.
class Timer {
 public:
  // Not a timer yet.
  Timer() = default;

  // Sends the time on C() once `d` has passed.
  explicit Timer(absl::Duration d);

  // What the time is sent on. Nil if it was made by AfterFunc().
  const RecvChan<absl::Time>& C() const { return channel_; }

  // Returns whether this kept the event from happening: false if the time was received, or the
  // function was started, or the timer was stopped before. Does not wait for a function that has
  // been started.
  bool Stop() const;

  // Has the event happen once `d` has passed from now, whether it has happened or not. Returns as
  // Stop().
  bool Reset(absl::Duration d) const;

 private:
  friend Timer AfterFunc(absl::Duration d, std::function<void()> fn,
                         sched_internal::StackKind kind);

  // At most one is not null.
  RecvChan<absl::Time> channel_;
  std::shared_ptr<chan_internal::TimerFunc> function_;
};

// An event that repeats.
class Ticker {
 public:
  // Not a ticker yet.
  Ticker() = default;

  // Sends the time on C() every `interval`; ticks that find the one before not yet received are
  // dropped.
  explicit Ticker(absl::Duration interval);

  const RecvChan<absl::Time>& C() const { return channel_; }

  // No more ticks. Does not close C().
  void Stop() const;

  // The next tick is an `interval` from now, and so on.
  void Reset(absl::Duration interval) const;

 private:
  RecvChan<absl::Time> channel_;
};

// A channel on which the time is sent once `d` has passed.
RecvChan<absl::Time> After(absl::Duration d);

// A channel on which the time is sent every `interval`. Nil if that is not positive.
RecvChan<absl::Time> Tick(absl::Duration interval);

// Runs fn() in a new fiber once `d` has passed. The calls of two Reset() may overlap. `kind` is not
// for you to say.
Timer AfterFunc(absl::Duration d, std::function<void()> fn,
                sched_internal::StackKind kind = sched_internal::kStackKind);

}  // namespace weft

#endif  // WEFT_CHAN_TIME_H_
