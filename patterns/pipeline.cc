#include "weft/patterns/pipeline.h"

#include "weft/sched/panic.h"

namespace weft {

Pipeline::Pipeline(const Context& parent, int64_t buffer) : buffer_(buffer) {
  auto [context, cancel] = WithCancelCause(parent);
  context_ = std::move(context);
  cancel_ = std::move(cancel);
}

Pipeline::~Pipeline() {
  cancel_(absl::OkStatus());
  fibers_.Wait();
}

void Pipeline::Fail(absl::Status error) { cancel_(std::move(error)); }

absl::Status Pipeline::Failure() const {
  panics_.Rethrow();
  return context_.Err().ok() ? absl::OkStatus() : Cause(context_);
}

absl::Status Pipeline::Finish() {
  absl::Status failure = context_.Err().ok() ? absl::OkStatus() : Cause(context_);
  cancel_(absl::OkStatus());
  fibers_.Wait();
  panics_.Rethrow();
  return failure;
}

void Pipeline::CheckFibers(int fibers) {
  if (fibers < 1) Panic("pipeline: a stage needs a fiber");
}

}  // namespace weft
