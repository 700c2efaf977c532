#include "weft/patterns/panics.h"

#include "absl/strings/str_cat.h"
#include "weft/sched/panic.h"

namespace weft {

Recovered Recovered::Current() {
  std::exception_ptr exception = std::current_exception();
  try {
    throw;
  } catch (const std::exception& e) {
    return Recovered(std::move(exception), e.what());
  } catch (...) {
    return Recovered(std::move(exception), "exception of unknown type");
  }
}

std::string Recovered::Stack() const {
  try {
    Rethrow();
  } catch (const PanicError& e) {
    return e.Stack();
  } catch (...) {
    return "";
  }
}

absl::Status Recovered::ToStatus() const {
  const std::string stack = Stack();
  return absl::InternalError(absl::StrCat("panic: ", message_, stack.empty() ? "" : "\n\n", stack));
}

std::optional<Recovered> PanicCatcher::Panicked() const {
  MutexLock lock(mu_);
  return first_;
}

void PanicCatcher::Rethrow() const {
  if (std::optional<Recovered> panic = Panicked()) panic->Rethrow();
}

void PanicCatcher::Keep(Recovered panic) {
  MutexLock lock(mu_);
  if (!first_) first_ = std::move(panic);
}

}  // namespace weft
