// pipeline_route.h: streams that meet and part.
//
// Go: github.com/destel/rill: Merge, Split2, Tee. Everything else as in pipeline.h. Both outputs of
//   Split() and Tee() must be received at the same time: one that is left alone stops the other.
//
//   auto [good, bad] =
//       weft::pipeline::Split(pipe, replies, 2, [](const Reply& reply) { return reply.ok; });
#ifndef WEFT_PATTERNS_PIPELINE_ROUTE_H_
#define WEFT_PATTERNS_PIPELINE_ROUTE_H_

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "weft/chan/chan.h"
#include "weft/patterns/pipeline.h"

namespace weft::pipeline {

// Whatever comes on any of them.
template <typename T>
RecvChan<T> Merge(Pipeline& pipe, std::vector<RecvChan<T>> inputs) {
  auto out = pipe.MakeStageChan<T>();
  if (inputs.empty()) {
    out.Close();
    return out;
  }
  const int fibers = static_cast<int>(inputs.size());
  // Each fiber takes one.
  auto next = std::make_shared<std::atomic<size_t>>(0);
  return pipe.Stage(fibers, out, [&pipe, next, inputs = std::move(inputs)](const Chan<T>& out) {
    // Relaxed: only the number counts.
    const RecvChan<T>& in = inputs[next->fetch_add(1, std::memory_order_relaxed)];
    while (std::optional<T> value = pipe.Recv(in)) {
      if (!pipe.Send(out, *std::move(value))) return;
    }
  });
}

namespace internal {

// Closes `out` once `ended` is closed: nobody sends on it any more. The stage ends with the
// pipeline, so there is nothing else to wait for.
template <typename T>
RecvChan<T> ClosedAfter(Pipeline& pipe, RecvChan<Empty> ended, Chan<T> out) {
  pipe.Go([ended, out] {
    ended.Recv();
    out.Close();
  });
  return out;
}

}  // namespace internal

// Those for which fn(value) -> bool says yes, and the others; by `fibers` fibers, in any order.
template <typename T, typename Fn>
std::pair<RecvChan<T>, RecvChan<T>> Split(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  auto yes = pipe.MakeStageChan<T>();
  auto no = pipe.MakeStageChan<T>();
  auto ended = pipe.Stage(fibers, MakeChan<Empty>(),
                          [&pipe, in, yes, no, fn = std::move(fn)](const Chan<Empty>&) {
                            while (std::optional<T> value = pipe.Recv(in)) {
                              const Chan<T>& out = fn(std::as_const(*value)) ? yes : no;
                              if (!pipe.Send(out, *std::move(value))) return;
                            }
                          });
  return {internal::ClosedAfter(pipe, ended, yes), internal::ClosedAfter(pipe, ended, no)};
}

// Each value twice.
template <typename T>
std::pair<RecvChan<T>, RecvChan<T>> Tee(Pipeline& pipe, RecvChan<T> in) {
  auto first = pipe.MakeStageChan<T>();
  auto second = pipe.MakeStageChan<T>();
  auto ended = pipe.Stage(1, MakeChan<Empty>(), [&pipe, in, first, second](const Chan<Empty>&) {
    while (std::optional<T> value = pipe.Recv(in)) {
      if (!pipe.Send<T>(first, *value) || !pipe.Send(second, *std::move(value))) return;
    }
  });
  return {internal::ClosedAfter(pipe, ended, first), internal::ClosedAfter(pipe, ended, second)};
}

}  // namespace weft::pipeline

#endif  // WEFT_PATTERNS_PIPELINE_ROUTE_H_
