// flow_time.h: operators on flows that look at the time.
//
// Go: select with time.After. Rx: debounce, throttleFirst, sample (throttleLast), timeout,
//   buffer(time, count), interval.
//
// Everything that flow_merge.h says holds here. Time is that of weft's timers.
// Cost: a timer for each value that one is waited for.
//
//   auto searches = keystrokes | Debounce(absl::Milliseconds(300));
#ifndef WEFT_PATTERNS_FLOW_TIME_H_
#define WEFT_PATTERNS_FLOW_TIME_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/context/context.h"
#include "weft/patterns/flow.h"
#include "weft/patterns/internal/produce.h"
#include "weft/patterns/scope.h"
#include "weft/sched/timer.h"

namespace weft::flow {

// 0, 1, 2, … one each `interval`; those that find the one before not yet taken are late, not left
// out.
inline Flow<int64_t> Interval(absl::Duration interval) {
  return Flow<int64_t>([interval](const Context& ctx, const Flow<int64_t>::Emit& emit) {
    const int64_t start_ns = MonotonicNanos();
    for (int64_t n = 0;; ++n) {
      const int64_t left_ns =
          start_ns + (n + 1) * absl::ToInt64Nanoseconds(interval) - MonotonicNanos();
      if (Select(OnRecv(After(absl::Nanoseconds(left_ns))), OnDone(ctx)) == 1) return ctx.Err();
      if (!emit(n)) return absl::OkStatus();
    }
  });
}

// A value that no other follows within `quiet`. At the end, the last is emitted at once.
inline auto Debounce(absl::Duration quiet) {
  return [quiet]<typename T>(Flow<T> in) {
    return Flow<T>([=](const Context& ctx, const typename Flow<T>::Emit& emit) {
      Scope scope(ctx);
      const RecvChan<T> values = patterns_internal::Produce(scope, in, 0);
      bool wanted = true;
      for (std::optional<T> last = values.Recv(); last && wanted;) {
        std::optional<T> next;
        const bool is_quiet = Select(OnRecv(values, &next), OnRecv(After(quiet))) == 1;
        if (is_quiet || !next)
          wanted = scope.ctx().Err().ok() && emit(*std::exchange(last, std::nullopt));
        last = is_quiet && wanted ? values.Recv() : std::move(next);
      }
      if (!scope.ctx().Err().ok())
        wanted = true;  // it failed, or was ended, before the last could be emitted
      return patterns_internal::EndOf(scope, ctx, wanted);
    });
  };
}

// The first value, and then at most one each `interval`: the first that comes after it.
inline auto ThrottleFirst(absl::Duration interval) {
  return [interval]<typename T>(Flow<T> in) {
    return std::move(in) |
           Stateful<T>(std::optional<int64_t>(),
                       [interval](std::optional<int64_t>& last_ns, T value, const auto& emit) {
                         const int64_t now_ns = MonotonicNanos();
                         if (last_ns && absl::Nanoseconds(now_ns - *last_ns) < interval)
                           return true;
                         last_ns = now_ns;
                         return emit(std::move(value));
                       });
  };
}

// Each `interval`, the last value that has come within it. At the end, what is left is emitted at
// once.
inline auto ThrottleLast(absl::Duration interval) {
  return [interval]<typename T>(Flow<T> in) {
    return Flow<T>([=](const Context& ctx, const typename Flow<T>::Emit& emit) {
      Scope scope(ctx);
      const RecvChan<T> values = patterns_internal::Produce(scope, in, 0);
      bool wanted = true;
      for (bool more = true; more && wanted;) {
        std::optional<T> last, next;
        for (const RecvChan<absl::Time> over = After(interval); more;) {
          if (Select(OnRecv(values, &next), OnRecv(over)) == 1) break;
          more = next.has_value();
          if (more) last = std::move(next);
        }
        if (last && scope.ctx().Err().ok()) wanted = emit(*std::move(last));
      }
      return patterns_internal::EndOf(scope, ctx, wanted);
    });
  };
}

// Fails with kDeadlineExceeded if a value takes longer than `limit` to come after the one before
// it.
inline auto TimeoutEach(absl::Duration limit) {
  return [limit]<typename T>(Flow<T> in) {
    return Flow<T>([=](const Context& ctx, const typename Flow<T>::Emit& emit) {
      Scope scope(ctx);
      const RecvChan<T> values = patterns_internal::Produce(scope, in, 0);
      std::optional<T> value;
      for (;;) {
        if (Select(OnRecv(values, &value), OnRecv(After(limit))) == 1) {
          scope.Cancel();
          (void)scope.Join();
          return absl::DeadlineExceededError("no value in time");
        }
        if (!value) return patterns_internal::EndOf(scope, ctx, true);
        if (!emit(*std::move(value))) return patterns_internal::EndOf(scope, ctx, false);
      }
    });
  };
}

// Chunks of up to `size` values; none is held back for longer than `patience` after the first of
// its chunk.
inline auto Window(size_t size, absl::Duration patience) {
  return [=]<typename T>(Flow<T> in) {
    using Values = std::vector<T>;
    return Flow<Values>([=](const Context& ctx, const typename Flow<Values>::Emit& emit) {
      Scope scope(ctx);
      const RecvChan<T> values = patterns_internal::Produce(scope, in, 0);
      bool wanted = true;
      for (std::optional<T> next; wanted && (next = values.Recv());) {
        Values window;
        const RecvChan<absl::Time> over = After(patience);
        do {
          window.push_back(*std::exchange(next, std::nullopt));
        } while (window.size() < size && Select(OnRecv(values, &next), OnRecv(over)) == 0 && next);
        if (scope.ctx().Err().ok()) wanted = emit(std::move(window));
      }
      return patterns_internal::EndOf(scope, ctx, wanted);
    });
  };
}

}  // namespace weft::flow

#endif  // WEFT_PATTERNS_FLOW_TIME_H_
