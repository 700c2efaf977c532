// when.h: one future of several.
//
// Go: a WaitGroup, and a select. C#: Task.WhenAll, Task.WhenAny. Java: CompletableFuture.allOf,
//   anyOf.
//
// Thread safety: all.
// Blocks: nothing.
// Ordering: the completion of those that it took is before that of the result.
// Lifetime: as for futures: the inputs live as long as something waits for them.
// Misuse: WhenAny() of nothing never completes: it is kInvalidArgument.
// Cost: an allocation for each input; no fiber.
//
//   weft::Future<std::vector<Page>> all = weft::WhenAll(pages);
//   weft::Future<size_t> first = weft::WhenAny(mirrors);     // mirrors[*first.Get()] is done
//   auto [name, size] = *weft::WhenAll(name_future, size_future).Get();
#ifndef WEFT_PATTERNS_WHEN_H_
#define WEFT_PATTERNS_WHEN_H_

#include <cstddef>
#include <exception>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/patterns/future.h"
#include "weft/sync/atomic.h"

namespace weft {

namespace patterns_internal {

// Calls `last` when all futures have results.
template <typename Last, typename... Ts>
void AfterAll(Last last, const Future<Ts>&... futures) {
  auto left = std::make_shared<Atomic<int>>(static_cast<int>(sizeof...(Ts)));
  auto shared_last = std::make_shared<Last>(std::move(last));
  const auto arrive = [left, shared_last] {
    if (left->Add(-1) == 0) (*shared_last)();
  };
  (futures.state()->WhenDone(arrive), ...);
}

// The first failure among results that are there. False: none.
template <typename T, typename... Ts>
bool FailFirst(const Promise<T>& promise, const Future<Ts>&... futures) {
  std::exception_ptr panic;
  absl::Status error;
  const auto look = [&](const auto& state) {
    if (panic || !error.ok()) return;
    panic = state.panic;
    error = state.result->status();
  };
  (look(*futures.state()), ...);
  if (panic) return promise.SetPanic(panic);
  return !error.ok() && promise.Set(error);
}

}  // namespace patterns_internal

// All values, in order, when all futures are done. If some failed: what the first of them in the
// list has.
template <typename T>
Future<std::vector<T>> WhenAll(std::vector<Future<T>> futures) {
  Promise<std::vector<T>> promise;
  if (futures.empty()) promise.Set(std::vector<T>());
  auto left = std::make_shared<Atomic<size_t>>(futures.size());
  auto shared = std::make_shared<const std::vector<Future<T>>>(std::move(futures));
  for (const Future<T>& future : *shared) {
    future.state()->WhenDone([promise, left, shared] {
      if (left->Add(-size_t{1}) != 0) return;
      std::vector<T> values;
      for (const Future<T>& f : *shared) {
        if (patterns_internal::FailFirst(promise, f)) return;
        values.push_back(**f.state()->result);
      }
      promise.Set(std::move(values));
    });
  }
  return promise.future();
}

template <typename... Ts>
Future<std::tuple<Ts...>> WhenAll(const Future<Ts>&... futures) {
  Promise<std::tuple<Ts...>> promise;
  patterns_internal::AfterAll(
      [=] {
        if (patterns_internal::FailFirst(promise, futures...)) return;
        promise.Set(std::tuple<Ts...>(**futures.state()->result...));
      },
      futures...);
  return promise.future();
}

// The place of the first that is done, be it well or badly.
template <typename T>
Future<size_t> WhenAny(const std::vector<Future<T>>& futures) {
  Promise<size_t> promise;
  if (futures.empty()) promise.Set(absl::InvalidArgumentError("WhenAny of nothing"));
  for (size_t i = 0; i < futures.size(); ++i) {
    futures[i].state()->WhenDone([promise, i] { promise.Set(i); });
  }
  return promise.future();
}

template <typename T, typename... Ts>
Future<size_t> WhenAny(const Future<T>& first, const Future<Ts>&... others) {
  Promise<size_t> promise;
  size_t place = 0;
  first.state()->WhenDone([promise] { promise.Set(size_t{0}); });
  (others.state()->WhenDone([promise, i = ++place] { promise.Set(i); }), ...);
  return promise.future();
}

}  // namespace weft

#endif  // WEFT_PATTERNS_WHEN_H_
