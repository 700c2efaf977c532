// breaker_core.h: the state machine of CircuitBreaker, without locks, clocks or calls.
//
// Every method gets the time, which must not run backwards. A generation is a period of one state;
// what began in one and ends in another does not count.
#ifndef WEFT_PATTERNS_INTERNAL_BREAKER_CORE_H_
#define WEFT_PATTERNS_INTERNAL_BREAKER_CORE_H_

#include <cstdint>
#include <functional>
#include <vector>

namespace weft {

enum class BreakerState : uint8_t { kClosed, kHalfOpen, kOpen };

struct BreakerCounts {
  int64_t requests = 0;
  int64_t successes = 0;
  int64_t failures = 0;
  int64_t exclusions = 0;
  int64_t consecutive_successes = 0;
  int64_t consecutive_failures = 0;

  friend bool operator==(const BreakerCounts&, const BreakerCounts&) = default;
};

namespace patterns_internal {

class BreakerCore {
 public:
  enum class Outcome : uint8_t { kSuccess, kFailure, kExcluded };

  struct Settings {
    int64_t max_requests = 1;  // while half open
    int64_t interval_ns = 0;   // after which counts are cleared while closed; 0: never
    int64_t bucket_ns = 0;     // 0: all at once; else interval_ns is a multiple of it
    int64_t timeout_ns = 0;    // from open to half open
    std::function<bool(const BreakerCounts&)> ready_to_trip = nullptr;
    std::function<void(BreakerState from, BreakerState to)> on_state_change = nullptr;
  };

  // A request that was let through.
  struct Admission {
    uint64_t generation = 0;
    int64_t bucket = 0;
  };

  BreakerCore(Settings settings, int64_t now_ns);

  BreakerState StateAt(int64_t now_ns);

  // Whether anything depends on the time that Admit(), and Record() of no failure, are told: to
  // read a clock costs more than all the rest.
  bool NeedsTime() const { return state_ == BreakerState::kOpen || settings_.interval_ns > 0; }

  // Closed: lets all through; half open: as many as settings say; open: none.
  bool Admit(int64_t now_ns, Admission* admission);
  void Record(int64_t now_ns, const Admission& admission, Outcome outcome);

  const BreakerCounts& counts() const { return counts_; }

 private:
  struct Bucket {
    int64_t requests = 0;
    int64_t successes = 0;
    int64_t failures = 0;
    int64_t exclusions = 0;
  };

  bool rolls() const { return settings_.bucket_ns > 0 && settings_.interval_ns > 0; }
  void Advance(int64_t now_ns);
  void DropBucketsBefore(int64_t newest);
  Bucket* BucketOf(const Admission& admission);
  void Change(BreakerState to, int64_t now_ns);
  void StartGeneration(int64_t now_ns);

  const Settings settings_;
  BreakerState state_ = BreakerState::kClosed;
  uint64_t generation_ = 0;
  int64_t start_ns_ = 0;  // of the generation
  BreakerCounts counts_;
  // While rolls(): the latest buckets, that of number n at n % size; newest_ counts from start_ns_.
  std::vector<Bucket> buckets_;
  int64_t newest_ = 0;
};

}  // namespace patterns_internal
}  // namespace weft

#endif  // WEFT_PATTERNS_INTERNAL_BREAKER_CORE_H_
