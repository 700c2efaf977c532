// fallback.h: a policy that has an answer ready for when there is none.
//
// Go: failsafe-go's fallback; hystrix's fallback function.
//
// Thread safety: Execute() from anywhere; the function is called by many at the same time.
// Blocks: Execute(): as long as the operation and the function.
// Ordering: none.
// Misuse: panics pass through: they are no answer.
// Cost: nothing of its own.
//
//   weft::Fallback fallback([&](const weft::Context&, const absl::Status&) { return Last(); });
//   absl::StatusOr<Rates> rates = fallback.Execute(ctx, FetchRates);
#ifndef WEFT_PATTERNS_FALLBACK_H_
#define WEFT_PATTERNS_FALLBACK_H_

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "weft/context/context.h"
#include "weft/patterns/policy.h"

namespace weft {

// Fn(const Context&, const absl::Status& error) returns what the operation could have returned.
template <typename Fn>
class Fallback {
 public:
  // `handles` says which errors it is for; empty: all.
  explicit Fallback(Fn fn, std::function<bool(const absl::Status&)> handles = nullptr)
      : fn_(std::move(fn)), handles_(std::move(handles)) {}

  // Calls op(ctx), and in place of an error returns what the function returns.
  template <Operation Op>
  OperationResult<Op> Execute(const Context& ctx, Op&& op) const {
    OperationResult<Op> result = op(ctx);
    const absl::Status& status = StatusOf(result);
    if (status.ok() || (handles_ && !handles_(status))) return result;
    return fn_(ctx, status);
  }

 private:
  const Fn fn_;
  const std::function<bool(const absl::Status&)> handles_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_FALLBACK_H_
