#include "weft/chan/time.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "weft/chan/internal/timer_chan.h"
#include "weft/chan/internal/timer_func.h"
#include "weft/sched/panic.h"
#include "weft/sched/timer.h"

namespace weft {

using chan_internal::DueAfter;
using chan_internal::DueAfterNanos;
using chan_internal::TimerChan;
using chan_internal::TimerFunc;

namespace {

// A channel of this file is a TimerChan.
TimerChan& Of(const RecvChan<absl::Time>& channel) {
  return *static_cast<TimerChan*>(channel.core());
}

RecvChan<absl::Time> Start(absl::Duration d, int64_t period_ns) {
  TimerChan* timer = TimerChan::Make();
  auto channel = RecvChan<absl::Time>::Adopt(timer);
  timer->Reset(DueAfter(d, timer->Now()), period_ns);
  return channel;
}

// Never 0, which would mean once.
int64_t Period(absl::Duration interval) {
  return std::max<int64_t>(1, absl::ToInt64Nanoseconds(interval));
}

}  // namespace

Timer::Timer(absl::Duration d) : channel_(After(d)) {}

bool Timer::Stop() const {
  if (function_ != nullptr) return function_->Stop();
  if (channel_ == nullptr) Panic("time: Stop called on uninitialized Timer");
  return Of(channel_).Stop();
}

bool Timer::Reset(absl::Duration d) const {
  if (function_ != nullptr) return function_->Reset(DueAfter(d, MonotonicNanos()));
  if (channel_ == nullptr) Panic("time: Reset called on uninitialized Timer");
  return Of(channel_).Reset(DueAfter(d, Of(channel_).Now()), 0);
}

Ticker::Ticker(absl::Duration interval) {
  if (interval <= absl::ZeroDuration()) Panic("non-positive interval for NewTicker");
  channel_ = Start(interval, Period(interval));
}

void Ticker::Stop() const {
  if (channel_ != nullptr) Of(channel_).Stop();
}

void Ticker::Reset(absl::Duration interval) const {
  if (interval <= absl::ZeroDuration()) Panic("non-positive interval for Ticker.Reset");
  if (channel_ == nullptr) Panic("time: Reset called on uninitialized Ticker");
  const int64_t period_ns = Period(interval);
  Of(channel_).Reset(DueAfterNanos(period_ns, Of(channel_).Now()), period_ns);
}

RecvChan<absl::Time> After(absl::Duration d) { return Start(d, 0); }

RecvChan<absl::Time> Tick(absl::Duration interval) {
  if (interval <= absl::ZeroDuration()) return nullptr;
  return Start(interval, Period(interval));
}

Timer AfterFunc(absl::Duration d, std::function<void()> fn, sched_internal::StackKind kind) {
  Timer timer;
  timer.function_ = std::make_shared<TimerFunc>(std::move(fn), kind);
  timer.function_->Reset(DueAfter(d, MonotonicNanos()));
  return timer;
}

}  // namespace weft
