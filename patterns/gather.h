// gather.h: a barrier that waits for n results and puts them in order.
//
// Go: the upstream/downstream barrier: n goroutines send to one channel that the caller receives
//   from n times.
//
// Thread safety: Put() and Fail() from anywhere; Wait() by any number.
// Blocks: Wait(), Gather(): until all results are there, the first failure, or the end of the
//   context. The others: nothing.
// Ordering: each Put() is before the return of the Wait() that it completes.
// Lifetime: a GatherBarrier must outlive those who put: it does not wait for them. Gather() does
//   wait for its tasks.
// Misuse: the same place twice, or one outside, panics.
// Cost: Put(): a lock. Gather(): a Scope (scope.h) with a fiber for each task.
//
//   weft::GatherBarrier<Page> pages(urls.size());
//   for (size_t i = 0; i < urls.size(); ++i) weft::Go([&, i] { pages.Put(i, Fetch(urls[i])); });
//   absl::StatusOr<std::vector<Page>> all = pages.Wait(ctx);
//
//   absl::StatusOr<std::vector<int>> sizes = weft::Gather<int>(ctx, {CountDisk, CountNet});
#ifndef WEFT_PATTERNS_GATHER_H_
#define WEFT_PATTERNS_GATHER_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/context/context.h"
#include "weft/patterns/internal/changed.h"
#include "weft/patterns/scope.h"
#include "weft/sched/panic.h"
#include "weft/sync/mutex.h"

namespace weft {

template <typename T>
class GatherBarrier {
 public:
  explicit GatherBarrier(size_t results) : results_(results), missing_(results) {}
  GatherBarrier(const GatherBarrier&) = delete;
  GatherBarrier& operator=(const GatherBarrier&) = delete;

  // The result number `place`, counted from 0.
  void Put(size_t place, T value) {
    MutexLock lock(mu_);
    if (place >= results_.size()) Panic("GatherBarrier: no such place");
    if (results_[place].has_value()) Panic("GatherBarrier: second result for the same place");
    results_[place].emplace(std::move(value));
    if (--missing_ == 0) changed_.Notify();
  }

  // There will be a result less: Wait() returns `error`. The first counts. OK does nothing.
  void Fail(absl::Status error) {
    MutexLock lock(mu_);
    if (!error_.ok()) return;
    error_ = std::move(error);
    changed_.Notify();
  }

  // All results, by place. The first failure; or ctx.Err(), and then a later Wait() may still
  // succeed. Whoever is first to succeed takes the results: nothing is left for others.
  absl::StatusOr<std::vector<T>> Wait(const Context& ctx) {
    MutexLock lock(mu_);
    while (missing_ > 0 && error_.ok()) {
      if (absl::Status s = changed_.Wait(ctx); !s.ok()) return s;
    }
    if (!error_.ok()) return error_;
    std::vector<T> all;
    all.reserve(results_.size());
    for (std::optional<T>& result : results_) all.push_back(*std::move(result));
    error_ = absl::FailedPreconditionError("results already taken");
    return all;
  }

  size_t missing() const {
    MutexLock lock(mu_);
    return missing_;
  }

 private:
  mutable Mutex mu_;
  patterns_internal::Changed changed_{mu_};
  std::vector<std::optional<T>> results_ ABSL_GUARDED_BY(mu_);
  size_t missing_ ABSL_GUARDED_BY(mu_);
  absl::Status error_ ABSL_GUARDED_BY(mu_);
};

// Runs all tasks at once and returns their results in the order of the tasks. The first error ends
// the context of the others; all have returned when it is returned. What a task throws is thrown
// here.
template <typename T>
absl::StatusOr<std::vector<T>> Gather(
    const Context& ctx, std::vector<std::function<absl::StatusOr<T>(const Context&)>> tasks) {
  GatherBarrier<T> results(tasks.size());
  Scope scope(ctx);
  for (size_t i = 0; i < tasks.size(); ++i) {
    scope.Go([&results, i, task = std::move(tasks[i])](const Context& ctx) {
      absl::StatusOr<T> result = task(ctx);
      if (result.ok()) results.Put(i, *std::move(result));
      return result.status();
    });
  }
  if (absl::Status s = scope.Join(); !s.ok()) return s;
  if (results.missing() > 0) return absl::AbortedError("a task has ended without a result");
  return results.Wait(ctx);
}

}  // namespace weft

#endif  // WEFT_PATTERNS_GATHER_H_
