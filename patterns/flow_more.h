// flow_more.h: operators on flows that combine flows and errors, still on one fiber.
//
// Go: none. Rx: buffer, concatMap, retry, onErrorResumeNext, doOnNext.
//
// Everything that flow.h says holds here, too.
//
//   auto batches = Range(0, 10) | Chunk(4);                       // {0,1,2,3} {4,5,6,7} {8,9}
//   auto again = Fetch() | Retry(3) | Catch([](const absl::Status&) { return Cached(); });
#ifndef WEFT_PATTERNS_FLOW_MORE_H_
#define WEFT_PATTERNS_FLOW_MORE_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/context/context.h"
#include "weft/patterns/flow.h"

namespace weft::flow {

// Vectors of `size` values; the last may be shorter. Rx: buffer(n).
inline auto Chunk(size_t size) {
  return [size = std::max<size_t>(size, 1)]<typename T>(Flow<T> in) {
    using Values = std::vector<T>;
    return Flow<Values>([=](const Context& ctx, const typename Flow<Values>::Emit& emit) {
      Values chunk;
      bool wanted = true;
      absl::Status s = in.RunWith(ctx, [&](T value) {
        chunk.push_back(std::move(value));
        if (chunk.size() == size) wanted = emit(std::exchange(chunk, {}));
        return wanted;
      });
      if (wanted && s.ok() && ctx.Err().ok() && !chunk.empty()) emit(std::move(chunk));
      return s;
    });
  };
}

// The flows that fn makes of the values, one after the other.
template <typename Fn>
auto ConcatMap(Fn fn) {
  return [fn = std::move(fn)]<typename T>(Flow<T> in) {
    using Inner = std::invoke_result_t<const Fn&, T>;
    using U = typename Inner::value_type;
    return Flow<U>([=](const Context& ctx, const typename Flow<U>::Emit& emit) {
      absl::Status failure;
      absl::Status s = in.RunWith(ctx, [&](T value) {
        bool wanted = true;
        failure = fn(std::move(value)).RunWith(ctx, [&](U inner) {
          return wanted = emit(std::move(inner));
        });
        return wanted && failure.ok();
      });
      return failure.ok() ? s : failure;
    });
  };
}

// One flow after the other.
template <typename T>
Flow<T> Concat(std::vector<Flow<T>> flows) {
  return Of(std::move(flows)) | ConcatMap([](Flow<T> f) { return f; });
}

// Calls fn(value) in passing.
template <typename Fn>
auto OnEach(Fn fn) {
  return [fn = std::move(fn)]<typename T>(Flow<T> in) {
    return std::move(in) | Map([fn](T value) {
             fn(std::as_const(value));
             return value;
           });
  };
}

// Goes on with fn(error) where the flow fails. What was emitted before stays.
template <typename Fn>
auto Catch(Fn fn) {
  return [fn = std::move(fn)]<typename T>(Flow<T> in) {
    return Flow<T>([=](const Context& ctx, const typename Flow<T>::Emit& emit) {
      bool wanted = true;
      absl::Status s = in.RunWith(ctx, [&](T value) { return wanted = emit(std::move(value)); });
      if (s.ok() || !wanted || !ctx.Err().ok()) return s;
      return fn(s).RunWith(ctx, emit);
    });
  };
}

// Begins again where the flow fails, up to `times` times, after backoff(n) for the n-th. What was
// emitted stays.
inline auto Retry(int times, std::function<absl::Duration(int)> backoff = nullptr) {
  return [times, backoff = std::move(backoff)]<typename T>(Flow<T> in) {
    return Flow<T>([=](const Context& ctx, const typename Flow<T>::Emit& emit) {
      for (int n = 1;; ++n) {
        bool wanted = true;
        absl::Status s = in.RunWith(ctx, [&](T value) { return wanted = emit(std::move(value)); });
        if (s.ok() || !wanted || n > times || !ctx.Err().ok()) return s;
        if (backoff && Select(OnRecv(After(backoff(n))), OnDone(ctx)) == 1) return s;
      }
    });
  };
}

}  // namespace weft::flow

#endif  // WEFT_PATTERNS_FLOW_MORE_H_
