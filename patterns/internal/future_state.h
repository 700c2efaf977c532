// What the handles of a future share, and what kind of future a function's result makes.
#ifndef WEFT_PATTERNS_INTERNAL_FUTURE_STATE_H_
#define WEFT_PATTERNS_INTERNAL_FUTURE_STATE_H_

#include <exception>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/chan/chan.h"
#include "weft/sync/mutex.h"

namespace weft {

template <typename T>
class Future;

namespace patterns_internal {

template <typename T>
struct FutureState {
  // False: completed before; nothing changes. `p` is null, or what was thrown.
  bool Complete(absl::StatusOr<T> r, std::exception_ptr p = nullptr) {
    std::vector<std::function<void()>> callbacks;
    {
      MutexLock lock(mu);
      if (result.has_value()) return false;
      result.emplace(std::move(r));
      panic = std::move(p);
      callbacks.swap(waiting);
    }
    done.Close();
    for (const auto& callback : callbacks) callback();
    return true;
  }

  // Calls the callback when the result is there, on whatever fiber: it must be quick.
  void WhenDone(std::function<void()> callback) {
    {
      MutexLock lock(mu);
      if (!result.has_value()) {
        waiting.push_back(std::move(callback));
        return;
      }
    }
    callback();
  }

  const Chan<Empty> done = MakeChan<Empty>();
  Mutex mu;
  // Written once, before `done` is closed; read after that.
  std::optional<absl::StatusOr<T>> result;
  std::exception_ptr panic;
  std::vector<std::function<void()>> waiting ABSL_GUARDED_BY(mu);
};

// What a function's result is the future of: nothing and Status of Empty, StatusOr<U> and Future<U>
// of U.
template <typename R>
struct FutureOf {
  using Type = R;
};
template <>
struct FutureOf<void> {
  using Type = Empty;
};
template <>
struct FutureOf<absl::Status> {
  using Type = Empty;
};
template <typename U>
struct FutureOf<absl::StatusOr<U>> {
  using Type = U;
};
template <typename U>
struct FutureOf<Future<U>> {
  using Type = U;
};

}  // namespace patterns_internal

}  // namespace weft

#endif  // WEFT_PATTERNS_INTERNAL_FUTURE_STATE_H_
