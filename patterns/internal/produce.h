// A flow that runs in a fiber of its own and sends what it emits to a channel.
#ifndef WEFT_PATTERNS_INTERNAL_PRODUCE_H_
#define WEFT_PATTERNS_INTERNAL_PRODUCE_H_

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/flow.h"
#include "weft/patterns/safe_close.h"
#include "weft/patterns/scope.h"

namespace weft::patterns_internal {

// Collects `in` and sends every value. An emit() that could not send is the end of the context.
template <typename T>
absl::Status SendAll(const Context& ctx, const Flow<T>& in, const Chan<T>& out) {
  return in.RunWith(
      ctx, [&](T value) { return Select(OnSend(out, std::move(value)), OnDone(ctx)) == 0; });
}

// The channel is closed at the end of the flow. Its error is the scope's.
template <typename T>
RecvChan<T> Produce(Scope& scope, const Flow<T>& in, int64_t buffer) {
  auto [sender, out] = MakeSender<T>(buffer);
  scope.Go([sender = std::move(sender), in](const Context& ctx) {
    return SendAll(ctx, in, sender.chan());
  });
  return out;
}

// What an operator returns whose values came from fibers of the scope: `wanted` is whether emit()
// never was false.
inline absl::Status EndOf(Scope& scope, const Context& ctx, bool wanted) {
  if (!wanted) scope.Cancel();
  absl::Status s = scope.Join();
  if (!wanted) return absl::OkStatus();
  return s.ok() ? ctx.Err() : s;
}

}  // namespace weft::patterns_internal

#endif  // WEFT_PATTERNS_INTERNAL_PRODUCE_H_
