// flow.h: streams of values that are made while they are consumed, and operators on them.
//
// Go: none; a pipeline of channels. Kotlin: Flow. Rx, Reactor: Flux, with back-pressure by
//   construction: a source waits in emit() until what comes after it has dealt with the value.
//   flow_merge.h has the operators that need fibers, flow_time.h those that need time.
//
// Thread safety: a Flow is a recipe and never changes: it can be collected often and by many at
//   once, each from the start. One collection runs on one fiber, unless an operator says otherwise.
// Blocks: Collect() and the others that take a context: until the flow ends, fails, or the context
//   ends.
// Ordering: values come in the order of the source.
// Lifetime: a flow owns what it is made of; no fiber outlives its Collect().
// Misuse: a source that goes on after emit() was false works for nobody; one that emits from
//   several fibers races.
// Cost: a call through a std::function for each value and operator; no allocation, no fiber.
//
// An error ends the flow and is what Collect() returns. What anybody throws comes out of Collect().
//
//   using namespace weft::flow;
//   auto squares = Range(1, 100) | Filter([](int64_t n) { return n % 2 == 0; }) |
//                  Map([](int64_t n) { return n * n; }) | Take(3);
//   absl::StatusOr<std::vector<int64_t>> values = squares.ToVector(ctx);   // 4, 16, 36
#ifndef WEFT_PATTERNS_FLOW_H_
#define WEFT_PATTERNS_FLOW_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"

namespace weft {

template <typename T>
class Flow {
 public:
  using value_type = T;
  // Takes one value. False: no more are wanted.
  using Emit = std::function<bool(T)>;
  // Emits all values, and returns when there are no more, or emit() was false: what it returns then
  // does not count.
  using Run = std::function<absl::Status(const Context& ctx, const Emit& emit)>;

  explicit Flow(Run run) : run_(std::move(run)) {}

  // Calls fn(value) for all values. fn returns nothing, or an absl::Status: an error ends it.
  template <typename Fn>
  absl::Status Collect(const Context& ctx, Fn fn) const {
    absl::Status failure;
    const absl::Status s = run_(ctx, [&](T value) {
      failure = ctx.Err();
      if (!failure.ok()) return false;
      if constexpr (std::is_void_v<std::invoke_result_t<Fn&, T>>) {
        fn(std::move(value));
      } else {
        failure = fn(std::move(value));
      }
      return failure.ok();
    });
    if (!failure.ok()) return failure;
    return s.ok() ? ctx.Err() : s;
  }

  absl::StatusOr<std::vector<T>> ToVector(const Context& ctx) const {
    std::vector<T> all;
    absl::Status s = Collect(ctx, [&](T value) { all.push_back(std::move(value)); });
    if (!s.ok()) return s;
    return all;
  }

  // fn(fn(fn(init, v1), v2), v3) …
  template <typename A, typename Fn>
  absl::StatusOr<A> Reduce(const Context& ctx, A init, Fn fn) const {
    absl::Status s = Collect(ctx, [&](T value) { init = fn(std::move(init), std::move(value)); });
    if (!s.ok()) return s;
    return init;
  }

  // The first value, and no more of the work than that needs. kOutOfRange: there is none.
  absl::StatusOr<T> First(const Context& ctx) const {
    std::optional<T> first;
    const absl::Status s = run_(ctx, [&](T value) {
      first.emplace(std::move(value));
      return false;
    });
    if (first) return *std::move(first);
    if (!s.ok()) return s;
    return ctx.Err().ok() ? absl::OutOfRangeError("empty flow") : ctx.Err();
  }

  // For operators: `op` makes another flow, or whatever it likes, of this one.
  template <typename Op>
  friend auto operator|(Flow flow, Op op) {
    return op(std::move(flow));
  }
  absl::Status RunWith(const Context& ctx, const Emit& emit) const { return run_(ctx, emit); }

 private:
  Run run_;
};

namespace flow {

// fn(ctx, emit), as Flow::Run.
template <typename T, typename Fn>
Flow<T> Create(Fn fn) {
  return Flow<T>(std::move(fn));
}

template <typename T>
Flow<T> Of(std::vector<T> values) {
  return Flow<T>([values = std::move(values)](const Context&, const typename Flow<T>::Emit& emit) {
    for (const T& value : values) {
      if (!emit(value)) break;
    }
    return absl::OkStatus();
  });
}

template <typename T>
Flow<T> Fail(absl::Status error) {
  return Flow<T>([error = std::move(error)](const Context&, const auto&) { return error; });
}

// first, first + 1, …, end - 1.
inline Flow<int64_t> Range(int64_t first, int64_t end) {
  return Flow<int64_t>([=](const Context& ctx, const Flow<int64_t>::Emit& emit) {
    for (int64_t n = first; n < end && ctx.Err().ok() && emit(n);) ++n;
    return ctx.Err();
  });
}

// What the channel gives, until it is closed. Whoever collects, takes from it.
template <typename C>
auto FromChan(C channel) {
  using T = typename C::value_type;
  return Flow<T>(
      [channel = std::move(channel)](const Context& ctx, const typename Flow<T>::Emit& emit) {
        std::optional<T> value;
        for (;;) {
          if (Select(OnRecv(channel, &value), OnDone(ctx)) == 1) return ctx.Err();
          if (!value || !emit(*std::move(value))) return absl::OkStatus();
        }
      });
}

// Each gives a function from flow to flow, for `flow | Operator(…)`.

template <typename Fn>
auto Map(Fn fn) {
  return [fn = std::move(fn)]<typename T>(Flow<T> in) {
    using U = std::decay_t<std::invoke_result_t<const Fn&, T>>;
    return Flow<U>(
        [in = std::move(in), fn](const Context& ctx, const typename Flow<U>::Emit& emit) {
          return in.RunWith(ctx, [&](T value) { return emit(fn(std::move(value))); });
        });
  };
}

// Map() whose fn returns an absl::StatusOr: an error ends the flow.
template <typename Fn>
auto TryMap(Fn fn) {
  return [fn = std::move(fn)]<typename T>(Flow<T> in) {
    using U = typename std::decay_t<std::invoke_result_t<const Fn&, T>>::value_type;
    return Flow<U>(
        [in = std::move(in), fn](const Context& ctx, const typename Flow<U>::Emit& emit) {
          absl::Status failure;
          absl::Status s = in.RunWith(ctx, [&](T value) {
            absl::StatusOr<U> mapped = fn(std::move(value));
            failure = mapped.status();
            return mapped.ok() && emit(*std::move(mapped));
          });
          return failure.ok() ? s : failure;
        });
  };
}

// An operator that keeps a state for each collection: step(state, value, emit) is Flow::Emit with
// more.
template <typename U, typename State, typename Step>
auto Stateful(State initial, Step step) {
  return [=]<typename T>(Flow<T> in) {
    return Flow<U>([=](const Context& ctx, const typename Flow<U>::Emit& emit) {
      State state = initial;
      bool wanted = true;
      absl::Status s =
          in.RunWith(ctx, [&](T value) { return wanted = step(state, std::move(value), emit); });
      return wanted ? s : absl::OkStatus();
    });
  };
}

template <typename Fn>
auto Filter(Fn fn) {
  return [fn = std::move(fn)]<typename T>(Flow<T> in) {
    return std::move(in) | Stateful<T>(0, [fn](int, T value, const auto& emit) {
             return !fn(std::as_const(value)) || emit(std::move(value));
           });
  };
}

inline auto Take(int64_t count) {
  return [count]<typename T>(Flow<T> in) {
    return count <= 0
               ? Of(std::vector<T>())
               : std::move(in) | Stateful<T>(count, [](int64_t& left, T value, const auto& emit) {
                   return emit(std::move(value)) && --left > 0;
                 });
  };
}

template <typename Fn>
auto TakeWhile(Fn fn) {
  return [fn = std::move(fn)]<typename T>(Flow<T> in) {
    return std::move(in) | Stateful<T>(0, [fn](int, T value, const auto& emit) {
             return fn(std::as_const(value)) && emit(std::move(value));
           });
  };
}

inline auto Drop(int64_t count) {
  return [count]<typename T>(Flow<T> in) {
    return std::move(in) | Stateful<T>(count, [](int64_t& left, T value, const auto& emit) {
             return left-- > 0 || emit(std::move(value));
           });
  };
}

// What Reduce() has after each value.
template <typename A, typename Fn>
auto Scan(A init, Fn fn) {
  return Stateful<A>(std::move(init), [fn = std::move(fn)](A& sum, auto value, const auto& emit) {
    sum = fn(std::move(sum), std::move(value));
    return emit(sum);
  });
}

}  // namespace flow
}  // namespace weft

#endif  // WEFT_PATTERNS_FLOW_H_
