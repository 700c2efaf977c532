#include "weft/patterns/circuit_breaker.h"

#include <algorithm>

#include "weft/sched/timer.h"

namespace weft {
namespace {

using Core = patterns_internal::BreakerCore;

Core::Settings CoreSettings(const BreakerSettings& settings) {
  Core::Settings core;
  core.max_requests = std::max<int64_t>(1, settings.max_requests);
  core.interval_ns = std::max<int64_t>(0, absl::ToInt64Nanoseconds(settings.interval));
  core.bucket_ns = std::max<int64_t>(0, absl::ToInt64Nanoseconds(settings.bucket_period));
  if (core.bucket_ns > 0) {
    core.interval_ns += (core.bucket_ns - core.interval_ns % core.bucket_ns) % core.bucket_ns;
  }
  core.timeout_ns = absl::ToInt64Nanoseconds(
      settings.timeout > absl::ZeroDuration() ? settings.timeout : absl::Seconds(60));
  core.ready_to_trip = settings.ready_to_trip;
  if (!core.ready_to_trip) {
    core.ready_to_trip = [](const BreakerCounts& counts) {
      return counts.consecutive_failures > 5;
    };
  }
  if (settings.on_state_change) {
    core.on_state_change = [name = settings.name, report = settings.on_state_change](
                               BreakerState from, BreakerState to) { report(name, from, to); };
  }
  return core;
}

}  // namespace

CircuitBreaker::CircuitBreaker(BreakerSettings settings)
    : settings_(std::move(settings)), core_(CoreSettings(settings_), MonotonicNanos()) {}

BreakerState CircuitBreaker::State() {
  MutexLock lock(mu_);
  return core_.StateAt(MonotonicNanos());
}

BreakerCounts CircuitBreaker::Counts() const {
  MutexLock lock(mu_);
  return core_.counts();
}

void CircuitBreaker::Record(const Core::Admission& admission, Core::Outcome outcome) {
  MutexLock lock(mu_);
  const bool timed = outcome == Core::Outcome::kFailure || core_.NeedsTime();
  core_.Record(timed ? MonotonicNanos() : 0, admission, outcome);
}

absl::Status CircuitBreaker::Permit::Request() {
  Core::Admission admission;
  MutexLock lock(breaker_->mu_);
  const int64_t now_ns = breaker_->core_.NeedsTime() ? MonotonicNanos() : 0;
  if (breaker_->core_.Admit(now_ns, &admission)) {
    admission_ = admission;
    return absl::OkStatus();
  }
  return absl::UnavailableError(breaker_->core_.StateAt(now_ns) == BreakerState::kOpen
                                    ? "circuit breaker is open"
                                    : "too many requests");
}

void CircuitBreaker::Permit::End(const absl::Status& status) {
  if (!admission_) return;
  const BreakerSettings& settings = breaker_->settings_;
  Core::Outcome outcome = Core::Outcome::kFailure;
  if (settings.is_excluded && settings.is_excluded(status)) {
    outcome = Core::Outcome::kExcluded;
  } else if (settings.is_successful ? settings.is_successful(status) : status.ok()) {
    outcome = Core::Outcome::kSuccess;
  }
  breaker_->Record(*admission_, outcome);
  admission_.reset();
}

CircuitBreaker::Permit::~Permit() {
  if (!admission_) return;
  breaker_->Record(*admission_, InGoexit() ? Core::Outcome::kExcluded : Core::Outcome::kFailure);
}

}  // namespace weft
