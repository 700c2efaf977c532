// policy.h: what the policies of resilience share, and how to put one around the other.
//
// Go: failsafe-go's policies; here CircuitBreaker, Retry, Bulkhead, Hedge, Timeout, Fallback and
//   whatever else has Execute(ctx, op). An operation is called with a Context, which may be another
//   than its caller's, and returns an absl::Status or an absl::StatusOr<T>.
//
// Thread safety: Execute() as that of the policies.
// Blocks: as long as the policies and the operation.
// Lifetime: Compose() refers to the policies, which must outlive it.
// Cost: calls that the compiler sees through; nothing of its own.
//
//   auto policy = weft::Compose(fallback, retry, breaker, timeout);  // the first is outermost
//   absl::StatusOr<Page> page =
//       policy.Execute(ctx, [&](const weft::Context& ctx) { return Fetch(ctx, url); });
#ifndef WEFT_PATTERNS_POLICY_H_
#define WEFT_PATTERNS_POLICY_H_

#include <concepts>
#include <tuple>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/context/context.h"

namespace weft {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

template <typename Op>
concept Operation = requires(Op& op, const Context& ctx) {
  { StatusOf(op(ctx)) } -> std::convertible_to<absl::Status>;
};

template <typename Op>
using OperationResult = std::invoke_result_t<std::remove_reference_t<Op>&, const Context&>;

template <typename... Policies>
class Composed {
 public:
  explicit Composed(Policies&... policies) : policies_(policies...) {}

  template <Operation Op>
  OperationResult<Op> Execute(const Context& ctx, Op&& op) {
    return ExecuteFrom<0>(ctx, op);
  }

 private:
  template <size_t I, typename Op>
  OperationResult<Op> ExecuteFrom(const Context& ctx, Op& op) {
    if constexpr (I == sizeof...(Policies)) {
      return op(ctx);
    } else {
      return std::get<I>(policies_).Execute(
          ctx, [this, &op](const Context& inner) -> OperationResult<Op> {
            return ExecuteFrom<I + 1>(inner, op);
          });
    }
  }

  std::tuple<Policies&...> policies_;
};

// One policy made of several, the first around the second, and so on.
template <typename... Policies>
Composed<Policies...> Compose(Policies&... policies) {
  return Composed<Policies...>(policies...);
}

}  // namespace weft

#endif  // WEFT_PATTERNS_POLICY_H_
