// pipeline_sink.h: the ends of pipelines.
//
// Go: github.com/destel/rill: ForEach, Reduce, First, Any, All, ToSlice, Drain; MapReduce is in
//   pipeline_map_reduce.h. Everything else as in pipeline.h. A sink blocks its caller until the
//   stream ends, or it knows its answer; then what is before it waits until the Pipeline ends. Each
//   returns the pipeline's error, and throws its panic.
//
//   absl::StatusOr<int> sum = weft::pipeline::Reduce(pipe, numbers, 0, std::plus<int>());
#ifndef WEFT_PATTERNS_PIPELINE_SINK_H_
#define WEFT_PATTERNS_PIPELINE_SINK_H_

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/chan/chan.h"
#include "weft/patterns/pipeline.h"
#include "weft/patterns/pipeline_map.h"

namespace weft::pipeline {

// fn(sum, value) over all, in the order in which they come, beginning with `sum`.
template <typename A, typename T, typename Fn>
absl::StatusOr<A> Reduce(Pipeline& pipe, RecvChan<T> in, A sum, Fn fn) {
  while (std::optional<T> value = pipe.Recv(in)) sum = fn(std::move(sum), *std::move(value));
  if (absl::Status failure = pipe.Failure(); !failure.ok()) return failure;
  return absl::StatusOr<A>(std::move(sum));
}

template <typename T>
absl::StatusOr<std::vector<T>> ToVector(Pipeline& pipe, RecvChan<T> in) {
  std::vector<T> values;
  while (std::optional<T> value = pipe.Recv(in)) values.push_back(*std::move(value));
  if (absl::Status failure = pipe.Failure(); !failure.ok()) return failure;
  return values;
}

// Nothing if the stream is empty.
template <typename T>
absl::StatusOr<std::optional<T>> First(Pipeline& pipe, RecvChan<T> in) {
  std::optional<T> value = pipe.Recv(in);
  if (!value) {
    if (absl::Status failure = pipe.Failure(); !failure.ok()) return failure;
  }
  return value;
}

// Whether fn(value) says yes to any.
template <typename T, typename Fn>
absl::StatusOr<bool> Any(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  auto found = First(pipe, Filter(pipe, std::move(in), fibers, std::move(fn)));
  if (!found.ok()) return found.status();
  return found->has_value();
}

// Whether fn(value) says yes to all.
template <typename T, typename Fn>
absl::StatusOr<bool> All(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  auto other =
      Any(pipe, std::move(in), fibers, [fn = std::move(fn)](const T& value) { return !fn(value); });
  if (!other.ok()) return other.status();
  return !*other;
}

template <typename T>
absl::Status Drain(Pipeline& pipe, RecvChan<T> in) {
  while (pipe.Recv(in)) {
  }
  return pipe.Failure();
}

// fn(value) -> absl::Status or nothing for all, by `fibers` fibers.
template <typename T, typename Fn>
absl::Status ForEach(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  return Drain(pipe, FlatMap<Empty>(pipe, std::move(in), fibers,
                                    [fn = std::move(fn)](T value, const Emit<Empty>&) {
                                      return fn(std::move(value));
                                    }));
}

}  // namespace weft::pipeline

#endif  // WEFT_PATTERNS_PIPELINE_SINK_H_
