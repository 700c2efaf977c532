// parallel.h: the same for every element of a range, by a bounded number of fibers.
//
// Go: github.com/sourcegraph/conc/iter: ForEach, ForEachIdx, Map, MapErr; here with a context, and
//   an error ends the whole, where MapErr goes on and joins.
//
// Thread safety: all functions; fn is called by many fibers at the same time.
// Blocks: the caller, until all calls have ended.
// Ordering: all calls are before the return.
// Lifetime: nothing outlives the call.
// Misuse: a panic in fn is thrown to the caller, with its stack, when the other fibers have ended.
//   Goexit() in fn ends the whole with kAborted.
// Cost: min(max_fibers, size) fibers, and a call for each element; no allocation but Map()'s
//   result.
//
// fn gets the element by reference, and may change it. The range must have a size and random
// access. max_fibers 0 stands for GOMAXPROCS. When the context ends, or a call fails, calls that
// have not begun are left out.
//
//   absl::Status s =
//       weft::parallel::ForEach(ctx, images, [](Image& image) { return image.Shrink(); });
//   auto sizes = weft::parallel::Map(ctx, paths, [](const Path& path) { return SizeOf(path); });
#ifndef WEFT_PATTERNS_PARALLEL_H_
#define WEFT_PATTERNS_PARALLEL_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/context/context.h"
#include "weft/patterns/task_group.h"
#include "weft/sched/go.h"
#include "weft/sync/mutex.h"

namespace weft::parallel {

struct Options {
  int64_t max_fibers = 0;
};

template <typename Range>
concept Indexable = std::ranges::random_access_range<Range> && std::ranges::sized_range<Range>;

// Calls fn(index, element) -> absl::Status or nothing for each. Returns the first error, or the
// context's.
template <Indexable Range, typename Fn>
absl::Status ForEachIndex(const Context& ctx, Range&& range, Fn&& fn, Options options = {}) {
  const auto size = static_cast<int64_t>(std::ranges::size(range));
  const int64_t limit = options.max_fibers > 0 ? options.max_fibers : GOMAXPROCS(0);
  const int64_t fibers = std::min(limit, size);
  // On lines of its own: what is read for each element must not move with each claim.
  struct alignas(128) {
    std::atomic<int64_t> index{0};
  } next;
  // Not asked for each element if it cannot end.
  const bool may_end{ctx.Done()};
  std::atomic<bool> stopped{false};
  Mutex mu;
  absl::Status first_error;
  const auto fail = [&](absl::Status error) {
    MutexLock lock(mu);
    if (first_error.ok()) first_error = std::move(error);
    // Relaxed: those who have not seen it yet do one more.
    stopped.store(true, std::memory_order_relaxed);
  };
  using Fail = decltype(fail);
  {
    TaskGroup tasks;
    for (int64_t f = 0; f < fibers; ++f) {
      tasks.Go([&] {
        // On the way out of a call by a panic, which is thrown later, or by Goexit().
        struct Stop {
          ~Stop() {
            if (armed) stop(InGoexit() ? absl::AbortedError("a call exited") : absl::OkStatus());
          }
          const Fail& stop;
          bool armed = true;
        };
        for (;;) {
          // Many at a time while there are many, so that few atomic operations suffice; one at a
          // time in the end, so that all fibers end together. Relaxed: only the numbers count.
          const int64_t left = size - next.index.load(std::memory_order_relaxed);
          const int64_t share = std::clamp<int64_t>(left / (8 * fibers), 1, 64);
          const int64_t first = next.index.fetch_add(share, std::memory_order_relaxed);
          for (int64_t i = first; i < std::min(first + share, size); ++i) {
            // Relaxed: see fail().
            if (stopped.load(std::memory_order_relaxed)) return;
            if (may_end && !ctx.Err().ok()) return fail(ctx.Err());
            Stop on_panic{fail};
            auto&& element = std::ranges::begin(range)[i];
            if constexpr (std::is_void_v<decltype(fn(i, element))>) {
              fn(i, element);
            } else if (absl::Status error = fn(i, element); !error.ok()) {
              return fail(std::move(error));
            }
            on_panic.armed = false;
          }
          if (first + share >= size) return;
        }
      });
    }
    tasks.Wait();
  }
  return first_error;
}

// The same for fn(element).
template <Indexable Range, typename Fn>
absl::Status ForEach(const Context& ctx, Range&& range, Fn&& fn, Options options = {}) {
  return ForEachIndex(
      ctx, range, [&fn](int64_t, auto& element) { return fn(element); }, options);
}

namespace internal {

template <typename R>
struct Mapped {
  using Value = R;
};
template <typename T>
struct Mapped<absl::StatusOr<T>> {
  using Value = T;
};

}  // namespace internal

// What fn(element) -> T or absl::StatusOr<T> returns for each, in the order of the range; or the
// first error.
template <Indexable Range, typename Fn>
auto Map(const Context& ctx, Range&& range, Fn&& fn, Options options = {}) {
  using Result = std::decay_t<decltype(fn(*std::ranges::begin(range)))>;
  using Value = typename internal::Mapped<Result>::Value;
  std::vector<std::optional<Value>> slots(std::ranges::size(range));
  absl::Status status = ForEachIndex(
      ctx, range,
      [&](int64_t i, auto& element) -> absl::Status {
        if constexpr (std::is_same_v<Result, Value>) {
          slots[i].emplace(fn(element));
        } else {
          Result result = fn(element);
          if (!result.ok()) return result.status();
          slots[i].emplace(*std::move(result));
        }
        return absl::OkStatus();
      },
      options);
  if (!status.ok()) return absl::StatusOr<std::vector<Value>>(std::move(status));
  std::vector<Value> values;
  values.reserve(slots.size());
  for (auto& slot : slots) values.push_back(*std::move(slot));
  return absl::StatusOr<std::vector<Value>>(std::move(values));
}

}  // namespace weft::parallel

#endif  // WEFT_PATTERNS_PARALLEL_H_
