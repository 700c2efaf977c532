// circuit_breaker.h: stops asking a service that fails, and asks again carefully.
//
// Go: github.com/sony/gobreaker/v2: CircuitBreaker, TwoStepCircuitBreaker (Allow), its settings and
//   their defaults. Closed: requests pass, failures are counted, and ready_to_trip decides. Open:
//   they are refused, for `timeout`. Half open: max_requests pass; as many successes in a row close
//   it, one failure opens it. Differences: errors are told apart by status; Goexit() in a request
//   counts as excluded, where Go loses its place.
//
// Thread safety: all methods.
// Blocks: nothing; Execute() as long as the operation.
// Ordering: none.
// Lifetime: must outlive its requests.
// Misuse: callbacks run with the breaker locked: one that uses the breaker deadlocks.
// Cost: two short locks for each request, about 20 ns; with an interval, or open, also two looks at
//   the clock, about 70 ns; no allocation.
//
//   weft::CircuitBreaker breaker({.name = "users", .timeout = absl::Seconds(5)});
//   absl::StatusOr<User> user =
//       breaker.Execute(ctx, [&](const weft::Context& ctx) { return LoadUser(ctx, id); });
#ifndef WEFT_PATTERNS_CIRCUIT_BREAKER_H_
#define WEFT_PATTERNS_CIRCUIT_BREAKER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/internal/breaker_core.h"
#include "weft/patterns/policy.h"
#include "weft/sched/go.h"
#include "weft/sync/mutex.h"

namespace weft {

struct BreakerSettings {
  std::string name = "";
  // How many requests pass while half open; less than one: one.
  int64_t max_requests = 1;
  // How long counts are kept while closed; 0: for ever.
  absl::Duration interval = absl::ZeroDuration();
  // If positive, counts are dropped in such steps, the oldest first, instead of all at once.
  absl::Duration bucket_period = absl::ZeroDuration();
  // How long it stays open; not positive: 60 s.
  absl::Duration timeout = absl::Seconds(60);
  // Asked after each failure while closed. Empty: more than five consecutive failures.
  std::function<bool(const BreakerCounts&)> ready_to_trip = nullptr;
  std::function<void(const std::string& name, BreakerState from, BreakerState to)> on_state_change =
      nullptr;
  // Whether a status counts as a success. Empty: OK alone does.
  std::function<bool(const absl::Status&)> is_successful = nullptr;
  // Whether it does not count at all. Empty: none.
  std::function<bool(const absl::Status&)> is_excluded = nullptr;
};

class CircuitBreaker {
  using Core = patterns_internal::BreakerCore;

 public:
  explicit CircuitBreaker(BreakerSettings settings = {});
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  // Calls op(ctx) -> absl::Status or absl::StatusOr<T> and counts what it returns; a panic is a
  // failure and passes through. kUnavailable if the request is refused: "circuit breaker is open"
  // or "too many requests".
  template <Operation Op>
  OperationResult<Op> Execute(const Context& ctx, Op&& op) {
    Permit permit(this);
    if (absl::Status refused = permit.Request(); !refused.ok()) return refused;
    OperationResult<Op> result = std::forward<Op>(op)(ctx);
    permit.End(StatusOf(result));
    return result;
  }

  // For requests that end elsewhere: a permit whose End() must be called, or the refusal.
  class Permit {
   public:
    explicit Permit(CircuitBreaker* breaker) : breaker_(breaker) {}
    ~Permit();
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;

    // Asks whether the request may be made.
    absl::Status Request();
    // The request has ended so. Without it the destructor counts a failure, or nothing in a
    // Goexit().
    void End(const absl::Status& status);

   private:
    CircuitBreaker* const breaker_;
    std::optional<Core::Admission> admission_;
  };

  BreakerState State();
  BreakerCounts Counts() const;
  const std::string& name() const { return settings_.name; }

 private:
  void Record(const Core::Admission& admission, Core::Outcome outcome);

  const BreakerSettings settings_;
  mutable Mutex mu_;
  Core core_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weft

#endif  // WEFT_PATTERNS_CIRCUIT_BREAKER_H_
