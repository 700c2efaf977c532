// pipeline_batch.h: values in groups, and out of them again.
//
// Go: github.com/destel/rill: Batch, Unbatch. Everything else as in pipeline.h.
//
//   auto batches = weft::pipeline::Batch(pipe, rows, 100, absl::Milliseconds(50));
//   auto inserted = weft::pipeline::Map(pipe, batches, 2, InsertAll);
#ifndef WEFT_PATTERNS_PIPELINE_BATCH_H_
#define WEFT_PATTERNS_PIPELINE_BATCH_H_

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/patterns/pipeline.h"
#include "weft/sched/panic.h"

namespace weft::pipeline {

// Groups of `size`; a smaller one if `timeout` has passed since its first value came, and at the
// end. Never empty. With an infinite timeout it waits until a group is full.
template <typename T>
RecvChan<std::vector<T>> Batch(Pipeline& pipe, RecvChan<T> in, size_t size,
                               absl::Duration timeout = absl::InfiniteDuration()) {
  if (size < 1) Panic("pipeline: batch size must be positive");
  using Group = std::vector<T>;
  return pipe.Stage(
      1, pipe.MakeStageChan<Group>(), [&pipe, in, size, timeout](const Chan<Group>& out) {
        Group group;
        Timer timer;
        RecvChan<absl::Time> expired;  // nil, and so never ready, while there is nothing to send
        const auto flush = [&] {
          if (expired) timer.Stop();
          expired = nullptr;
          return pipe.Send(out, std::exchange(group, Group()));
        };
        for (;;) {
          std::optional<T> value;
          switch (Select(OnRecv(in, &value), OnRecv(expired), OnDone(pipe.context()))) {
            case 0:
              if (!value) {
                if (!group.empty()) flush();
                return;
              }
              group.push_back(*std::move(value));
              if (group.size() == size) {
                if (!flush()) return;
              } else if (group.size() == 1 && timeout < absl::InfiniteDuration()) {
                timer = Timer(timeout);
                expired = timer.C();
              }
              break;
            case 1:
              if (!flush()) return;
              break;
            default:
              return;
          }
        }
      });
}

// The values of each group.
template <typename T>
RecvChan<T> Unbatch(Pipeline& pipe, RecvChan<std::vector<T>> in) {
  return FlatMap<T>(pipe, std::move(in), 1, [](std::vector<T> group, const Emit<T>& emit) {
    for (T& value : group) {
      if (!emit(std::move(value))) return;
    }
  });
}

}  // namespace weft::pipeline

#endif  // WEFT_PATTERNS_PIPELINE_BATCH_H_
