#include "weft/patterns/internal/breaker_core.h"

#include <algorithm>
#include <utility>

namespace weft::patterns_internal {

BreakerCore::BreakerCore(Settings settings, int64_t now_ns) : settings_(std::move(settings)) {
  if (rolls()) buckets_.resize(settings_.interval_ns / settings_.bucket_ns);
  StartGeneration(now_ns);
}

BreakerState BreakerCore::StateAt(int64_t now_ns) {
  Advance(now_ns);
  return state_;
}

bool BreakerCore::Admit(int64_t now_ns, Admission* admission) {
  Advance(now_ns);
  if (state_ == BreakerState::kOpen) return false;
  if (state_ == BreakerState::kHalfOpen &&
      counts_.requests - counts_.exclusions >= settings_.max_requests) {
    return false;
  }
  *admission = {generation_, newest_};
  ++counts_.requests;
  if (Bucket* bucket = BucketOf(*admission)) ++bucket->requests;
  return true;
}

void BreakerCore::Record(int64_t now_ns, const Admission& admission, Outcome outcome) {
  Advance(now_ns);
  if (generation_ != admission.generation) return;
  // A bucket that has been dropped has taken its requests out of the counts.
  Bucket* const bucket = BucketOf(admission);
  const bool counted = bucket != nullptr || !rolls();
  switch (outcome) {
    case Outcome::kExcluded:
      if (counted) ++counts_.exclusions;
      if (bucket != nullptr) ++bucket->exclusions;
      return;
    case Outcome::kSuccess:
      if (counted) ++counts_.successes;
      if (bucket != nullptr) ++bucket->successes;
      ++counts_.consecutive_successes;
      counts_.consecutive_failures = 0;
      if (state_ == BreakerState::kHalfOpen &&
          counts_.consecutive_successes >= settings_.max_requests) {
        Change(BreakerState::kClosed, now_ns);
      }
      return;
    case Outcome::kFailure:
      if (counted) ++counts_.failures;
      if (bucket != nullptr) ++bucket->failures;
      ++counts_.consecutive_failures;
      counts_.consecutive_successes = 0;
      if (state_ == BreakerState::kHalfOpen || settings_.ready_to_trip(counts_)) {
        Change(BreakerState::kOpen, now_ns);
      }
      return;
  }
}

void BreakerCore::Advance(int64_t now_ns) {
  const int64_t elapsed_ns = now_ns - start_ns_;
  if (state_ == BreakerState::kOpen && elapsed_ns > settings_.timeout_ns) {
    Change(BreakerState::kHalfOpen, now_ns);
  } else if (state_ == BreakerState::kClosed && settings_.interval_ns > 0) {
    if (rolls()) {
      DropBucketsBefore(elapsed_ns / settings_.bucket_ns);
    } else if (elapsed_ns > settings_.interval_ns) {
      StartGeneration(now_ns);
    }
  }
}

// Makes room up to the bucket with the number `newest`.
void BreakerCore::DropBucketsBefore(int64_t newest) {
  const auto size = static_cast<int64_t>(buckets_.size());
  newest_ = std::max(newest_, newest - size);
  while (newest_ < newest) {
    Bucket& oldest = buckets_[++newest_ % size];
    counts_.requests -= oldest.requests;
    counts_.successes -= oldest.successes;
    counts_.failures -= oldest.failures;
    counts_.exclusions -= oldest.exclusions;
    oldest = Bucket();
  }
}

BreakerCore::Bucket* BreakerCore::BucketOf(const Admission& admission) {
  const auto size = static_cast<int64_t>(buckets_.size());
  if (admission.bucket + size <= newest_ || size == 0) return nullptr;
  return &buckets_[admission.bucket % size];
}

void BreakerCore::Change(BreakerState to, int64_t now_ns) {
  const BreakerState from = std::exchange(state_, to);
  StartGeneration(now_ns);
  if (settings_.on_state_change) settings_.on_state_change(from, to);
}

void BreakerCore::StartGeneration(int64_t now_ns) {
  ++generation_;
  start_ns_ = now_ns;
  counts_ = BreakerCounts();
  std::fill(buckets_.begin(), buckets_.end(), Bucket());
  newest_ = 0;
}

}  // namespace weft::patterns_internal
