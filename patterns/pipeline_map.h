// pipeline_map.h: stages that make one value, or none, of each.
//
// Go: github.com/destel/rill: Map, Filter, FilterMap, Catch. Everything else as in pipeline.h.
//   Functions may also return absl::StatusOr<>: an error ends the pipeline, unless the function is
//   wrapped in Catch(). That is no stage here: errors do not travel.
//
//   auto squares = weft::pipeline::Map(pipe, numbers, 2, [](int n) { return n * n; });
//   auto even = weft::pipeline::Filter(pipe, squares, 2, [](int n) { return n % 2 == 0; });
//   auto users = weft::pipeline::FilterMap(pipe, ids, 8, weft::pipeline::Catch(Load, Skip));
#ifndef WEFT_PATTERNS_PIPELINE_MAP_H_
#define WEFT_PATTERNS_PIPELINE_MAP_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/chan/chan.h"
#include "weft/patterns/pipeline.h"

namespace weft::pipeline {

namespace internal {

template <typename R>
struct Returned {
  using Value = R;
};
template <typename T>
struct Returned<absl::StatusOr<T>> {
  using Value = T;
};

template <typename Fn, typename Argument>
using ReturnedBy = typename Returned<std::decay_t<std::invoke_result_t<Fn&, Argument>>>::Value;

template <typename R>
absl::StatusOr<R> Checked(R value) {
  return absl::StatusOr<R>(std::move(value));
}
template <typename R>
absl::StatusOr<R> Checked(absl::StatusOr<R> value) {
  return value;
}

// fn(value) as a function for FlatMap().
template <typename T, typename Fn>
auto Mapper(Fn fn) {
  return [fn = std::move(fn)](T value, const auto& emit) -> absl::Status {
    auto result = Checked(fn(std::move(value)));
    if (!result.ok()) return result.status();
    emit(*std::move(result));
    return absl::OkStatus();
  };
}

template <typename T, typename Fn>
auto Filterer(Fn fn) {
  return [fn = std::move(fn)](T value, const auto& emit) -> absl::Status {
    absl::StatusOr<bool> keep = Checked(fn(std::as_const(value)));
    if (!keep.ok()) return keep.status();
    if (*keep) emit(std::move(value));
    return absl::OkStatus();
  };
}

template <typename T, typename Fn>
auto FilterMapper(Fn fn) {
  return [fn = std::move(fn)](T value, const auto& emit) -> absl::Status {
    auto result = Checked(fn(std::move(value)));
    if (!result.ok()) return result.status();
    if (result->has_value()) emit(**std::move(result));
    return absl::OkStatus();
  };
}

}  // namespace internal

// fn(value) of each value, in any order.
template <typename T, typename Fn, typename U = internal::ReturnedBy<Fn, T>>
RecvChan<U> Map(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  return FlatMap<U>(pipe, std::move(in), fibers, internal::Mapper<T>(std::move(fn)));
}

// The values for which fn(value) -> bool says yes, in any order.
template <typename T, typename Fn>
RecvChan<T> Filter(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  return FlatMap<T>(pipe, std::move(in), fibers, internal::Filterer<T>(std::move(fn)));
}

// What is in fn(value) -> std::optional<U> of each value, in any order.
template <typename T, typename Fn, typename U = typename internal::ReturnedBy<Fn, T>::value_type>
RecvChan<U> FilterMap(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  return FlatMap<U>(pipe, std::move(in), fibers, internal::FilterMapper<T>(std::move(fn)));
}

// fn as a function for FilterMap() whose errors go to on_error(error) -> absl::Status: OK drops the
// value, an error ends the pipeline. If fn returns absl::Status, so does the wrapped: for ForEach()
// and FlatMap().
template <typename Fn, typename OnError>
auto Catch(Fn fn, OnError on_error) {
  return [fn = std::move(fn), on_error = std::move(on_error)](auto&&... args) {
    auto result = fn(std::forward<decltype(args)>(args)...);
    if constexpr (std::is_same_v<decltype(result), absl::Status>) {
      return result.ok() ? result : absl::Status(on_error(result));
    } else {
      using Caught = absl::StatusOr<std::optional<typename decltype(result)::value_type>>;
      if (result.ok()) return Caught(*std::move(result));
      const absl::Status error = on_error(result.status());
      return error.ok() ? Caught(std::nullopt) : Caught(error);
    }
  };
}

}  // namespace weft::pipeline

#endif  // WEFT_PATTERNS_PIPELINE_MAP_H_
