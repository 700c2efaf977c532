// task_errors.h: what TaskPool makes of the types and errors of its tasks.
#ifndef WEFT_PATTERNS_INTERNAL_TASK_ERRORS_H_
#define WEFT_PATTERNS_INTERNAL_TASK_ERRORS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace weft {

template <typename T>
struct TaskResults;

namespace patterns_internal {

// Joins errors: the code of the first, the messages of all, one a line.
class TaskErrors {
 public:
  void Add(const absl::Status& error, bool first_only) {
    if (joined_.ok()) {
      joined_ = error;
    } else if (!first_only) {
      joined_ =
          absl::Status(joined_.code(), absl::StrCat(joined_.message(), "\n", error.message()));
    }
  }
  const absl::Status& status() const { return joined_; }

 private:
  absl::Status joined_;
};

struct Nothing {};

// For each return type of a task: what is kept of it, and what Wait() returns.
template <typename R>
struct ResultKind {
  static constexpr bool kFails = false;
  using Value = R;
  using Results = std::vector<R>;
};
template <>
struct ResultKind<void> {
  static constexpr bool kFails = false;
  using Value = Nothing;
  using Results = void;
};
template <>
struct ResultKind<absl::Status> {
  static constexpr bool kFails = true;
  using Value = Nothing;
  using Results = absl::Status;
};
template <typename T>
struct ResultKind<absl::StatusOr<T>> {
  static constexpr bool kFails = true;
  using Value = T;
  using Results = TaskResults<T>;
};

}  // namespace patterns_internal
}  // namespace weft

#endif  // WEFT_PATTERNS_INTERNAL_TASK_ERRORS_H_
