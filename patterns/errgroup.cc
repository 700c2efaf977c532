#include "weft/patterns/errgroup.h"

#include "weft/sched/panic.h"

namespace weft {

ErrGroup::ErrGroup(const Context& parent) {
  auto [context, cancel] = WithCancelCause(parent);
  context_ = std::move(context);
  cancel_ = std::move(cancel);
}

ErrGroup::~ErrGroup() { (void)Wait(); }

void ErrGroup::SetLimit(int64_t n) {
  if (limit_ && !limit_->TryAcquire(limit_size_)) {
    Panic("errgroup: modify limit while fibers in the group are still active");
  }
  limit_.reset();
  if (n < 0) return;
  limit_.emplace(n);
  limit_size_ = n;
}

absl::Status ErrGroup::Wait() {
  running_.Wait();
  MutexLock lock(mu_);
  if (cancel_) (*cancel_)(first_error_);
  return first_error_;
}

void ErrGroup::Fail(absl::Status error) {
  MutexLock lock(mu_);
  if (!first_error_.ok()) return;
  first_error_ = std::move(error);
  if (cancel_) (*cancel_)(first_error_);
}

}  // namespace weft
