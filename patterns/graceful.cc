#include "weft/patterns/graceful.h"

#include <exception>
#include <utility>

#include "weft/patterns/internal/join_errors.h"
#include "weft/sched/catch_panic.h"

namespace weft {

bool GracefulShutdown::Add(std::string name, absl::Duration limit, Step step) {
  MutexLock lock(mu_);
  if (running_) return false;
  parts_.push_back({std::move(name), limit, std::move(step)});
  return true;
}

absl::Status GracefulShutdown::Run(const Context& ctx) {
  std::vector<Part> parts;
  bool first;
  {
    MutexLock lock(mu_);
    first = !std::exchange(running_, true);
    if (first) parts = parts_;
  }
  if (first) {
    begun_.Close();
    std::vector<absl::Status> results;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part)
      results.push_back(RunStep(*part, ctx));
    MutexLock lock(mu_);
    result_ = patterns_internal::JoinErrors(results);
    over_.Close();
    return result_;
  }
  over_.Recv();
  MutexLock lock(mu_);
  return result_;
}

absl::Status GracefulShutdown::RunStep(const Part& part, const Context& ctx) {
  auto [limited, cancel] = WithTimeout(ctx, part.limit);
  CancelOnExit stop(cancel);
  absl::Status status;
  if (std::exception_ptr panic =
          CatchPanic([&, &limited = limited] { status = part.step(limited); })) {
    status = absl::InternalError("panic: " + DescribePanic(panic));
  }
  return patterns_internal::Named(part.name, status);
}

}  // namespace weft
