// pipeline_map_reduce.h: the end of a pipeline that sums up its values by key.
//
// Go: github.com/destel/rill: MapReduce, with one number of fibers: whoever maps a value also adds
//   it to a map of its own, so nothing is sent on for each value, and nothing is locked. Everything
//   else as in pipeline.h.
//
// Misuse: the reducer must not care for order or grouping: values of a key come as they come.
//
//   absl::StatusOr<std::unordered_map<std::string, int>> counts = weft::pipeline::MapReduce(
//       pipe, words, 4, [](std::string word) { return std::pair(std::move(word), 1); },
//       std::plus<int>());
#ifndef WEFT_PATTERNS_PIPELINE_MAP_REDUCE_H_
#define WEFT_PATTERNS_PIPELINE_MAP_REDUCE_H_

#include <optional>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/chan/chan.h"
#include "weft/patterns/pipeline.h"
#include "weft/patterns/pipeline_map.h"

namespace weft::pipeline {

namespace internal {

// Makes reduce(sum, value) of what `sums` has for the key.
template <typename K, typename V, typename Reduce>
absl::Status Add(std::unordered_map<K, V>& sums, K key, V value, const Reduce& reduce) {
  const auto [at, first] = sums.try_emplace(std::move(key), std::move(value));
  if (first) return absl::OkStatus();
  // Not inserted, so not moved from.
  auto sum = Checked(reduce(std::move(at->second), std::move(value)));
  if (!sum.ok()) return sum.status();
  at->second = *std::move(sum);
  return absl::OkStatus();
}

}  // namespace internal

// map(value) -> std::pair<K, V> of all, by `fibers` fibers, and of all V with the same K
// reduce(V, V) -> V. Both may also return absl::StatusOr<>.
template <typename T, typename Map, typename Reduce, typename Pair = internal::ReturnedBy<Map, T>,
          typename K = typename Pair::first_type, typename V = typename Pair::second_type>
absl::StatusOr<std::unordered_map<K, V>> MapReduce(Pipeline& pipe, RecvChan<T> in, int fibers,
                                                   Map map, Reduce reduce) {
  using Sums = std::unordered_map<K, V>;
  const RecvChan<Sums> parts =
      pipe.Stage(fibers, MakeChan<Sums>(fibers),
                 [&pipe, in = std::move(in), map = std::move(map), reduce](const Chan<Sums>& out) {
                   Sums sums;
                   while (std::optional<T> value = pipe.Recv(in)) {
                     absl::StatusOr<Pair> pair = internal::Checked(map(*std::move(value)));
                     absl::Status added = pair.ok() ? internal::Add(sums, std::move(pair->first),
                                                                    std::move(pair->second), reduce)
                                                    : pair.status();
                     if (!added.ok()) return pipe.Fail(std::move(added));
                   }
                   pipe.Send(out, std::move(sums));
                 });
  Sums all;
  while (std::optional<Sums> part = pipe.Recv(parts)) {
    for (auto it = part->begin(); it != part->end();) {
      auto node = part->extract(it++);
      absl::Status added =
          internal::Add(all, std::move(node.key()), std::move(node.mapped()), reduce);
      if (!added.ok()) pipe.Fail(std::move(added));
    }
  }
  if (absl::Status failure = pipe.Failure(); !failure.ok()) return failure;
  return absl::StatusOr<Sums>(std::move(all));
}

}  // namespace weft::pipeline

#endif  // WEFT_PATTERNS_PIPELINE_MAP_REDUCE_H_
