// bulkhead.h: a policy that lets at most n operations into one compartment, and turns others away.
//
// Go: failsafe-go's bulkhead; hystrix's MaxConcurrentRequests.
//
// Thread safety: Execute() from anywhere.
// Blocks: Execute(): for a place, at most max_wait, and as long as the operation.
// Ordering: the end of an operation is before the start of the one that gets its place.
// Misuse: less than one place panics.
// Cost: as Semaphore; a wait also a context.
//
//   weft::Bulkhead database({.max_concurrent = 10, .max_wait = absl::Milliseconds(50)});
//   absl::StatusOr<Row> row =
//       database.Execute(ctx, [&](const weft::Context& ctx) { return Read(ctx, key); });
#ifndef WEFT_PATTERNS_BULKHEAD_H_
#define WEFT_PATTERNS_BULKHEAD_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/internal/release_at_end.h"
#include "weft/patterns/policy.h"
#include "weft/sched/panic.h"
#include "weft/sync/semaphore.h"

namespace weft {

struct BulkheadOptions {
  int64_t max_concurrent = 1;
  // How long an operation waits for a place. 0: not at all; infinite: as long as its context lives.
  absl::Duration max_wait = absl::ZeroDuration();
};

class Bulkhead {
 public:
  explicit Bulkhead(BulkheadOptions options)
      : max_wait_(options.max_wait), places_(options.max_concurrent) {
    if (options.max_concurrent < 1) Panic("bulkhead: less than one place");
  }
  Bulkhead(const Bulkhead&) = delete;
  Bulkhead& operator=(const Bulkhead&) = delete;

  // Calls op(ctx). kResourceExhausted if there was no place in time; the context's error if it
  // ended first.
  template <Operation Op>
  OperationResult<Op> Execute(const Context& ctx, Op&& op) {
    if (absl::Status refused = Enter(ctx); !refused.ok()) return refused;
    const patterns_internal::ReleaseAtEnd leave(places_);
    return op(ctx);
  }

 private:
  absl::Status Enter(const Context& ctx) {
    if (absl::Status ended = ctx.Err(); !ended.ok()) return ended;
    if (places_.TryAcquire()) return absl::OkStatus();
    if (max_wait_ == absl::InfiniteDuration()) return places_.Acquire(ctx);
    if (max_wait_ > absl::ZeroDuration()) {
      auto [limited, cancel] = WithTimeout(ctx, max_wait_);
      CancelOnExit stop(cancel);
      if (places_.Acquire(limited).ok()) return absl::OkStatus();
      if (absl::Status ended = ctx.Err(); !ended.ok()) return ended;
    }
    return absl::ResourceExhaustedError("bulkhead is full");
  }

  const absl::Duration max_wait_;
  Semaphore places_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_BULKHEAD_H_
