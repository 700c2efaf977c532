#include "weft/patterns/internal/pool_base.h"

#include <cstdio>
#include <utility>

#include "weft/sched/panic.h"

namespace weft::patterns_internal {

PoolOptions CheckedOptions(PoolOptions options) {
  if (options.expiry <= absl::ZeroDuration()) Panic("invalid expiry for pool");
  if (options.max_blocking < 0) Panic("invalid number of blocking submissions for pool");
  return options;
}

void HandlePanic(const PoolOptions& options, const Recovered& panic) {
  if (options.panic_handler) {
    options.panic_handler(panic);
    return;
  }
  std::fprintf(stderr, "a task of a pool panicked: %s\n%s", panic.message().c_str(),
               panic.Stack().c_str());
}

absl::Status PoolClosedError() {
  return absl::FailedPreconditionError("this pool has been closed");
}

absl::Status PoolOverloadError() {
  return absl::ResourceExhaustedError("too many submissions wait, or none may");
}

absl::Status PoolTimeoutError() { return absl::DeadlineExceededError("operation timed out"); }

}  // namespace weft::patterns_internal
