// timeout.h: a policy that gives each attempt a limited time.
//
// Go: failsafe-go's timeout; hystrix's Timeout.
//
// Thread safety: Execute() from anywhere.
// Blocks: Execute(): as long as the operation. It is told by its context that its time is over, and
//   must return: nothing else may stop it, since it may hold locks and refer to the caller's frame.
// Ordering: none.
// Misuse: an operation that does not look at its context takes as long as it takes.
// Cost: a context with a deadline. No fiber.
//
//   weft::Timeout timeout(absl::Seconds(1));
//   absl::StatusOr<Page> page =
//       timeout.Execute(ctx, [&](const weft::Context& ctx) { return Fetch(ctx, url); });
#ifndef WEFT_PATTERNS_TIMEOUT_H_
#define WEFT_PATTERNS_TIMEOUT_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/policy.h"

namespace weft {

class Timeout {
 public:
  explicit Timeout(absl::Duration limit) : limit_(limit) {}

  // Calls op(child of ctx). kDeadlineExceeded, `timeout exceeded`, if it failed after its time was
  // over; what it returned if not, also if it succeeded too late.
  template <Operation Op>
  OperationResult<Op> Execute(const Context& ctx, Op&& op) const {
    auto [limited, cancel] = WithTimeout(ctx, limit_);
    CancelOnExit stop(cancel);
    OperationResult<Op> result = op(limited);
    if (!StatusOf(result).ok() && ctx.Err().ok() && !limited.Err().ok()) {
      return absl::DeadlineExceededError("timeout exceeded");
    }
    return result;
  }

 private:
  const absl::Duration limit_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_TIMEOUT_H_
