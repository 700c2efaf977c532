// pipeline_ordered.h: stages of several fibers whose results keep the order of what they came from.
//
// Go: github.com/destel/rill: OrderedMap, OrderedFilter, OrderedFilterMap, OrderedFlatMap.
//   Everything else as in pipeline.h. A slow value holds up the others' results: at most 4 * fibers
//   of them wait for it.
//
//   auto pages = weft::pipeline::OrderedMap(pipe, urls, 8, [](const Url& u) { return Fetch(u); });
#ifndef WEFT_PATTERNS_PIPELINE_ORDERED_H_
#define WEFT_PATTERNS_PIPELINE_ORDERED_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "weft/chan/chan.h"
#include "weft/patterns/internal/reorder.h"
#include "weft/patterns/pipeline.h"
#include "weft/patterns/pipeline_map.h"
#include "weft/sync/mutex.h"

namespace weft::pipeline {

namespace internal {

// What the fibers of an ordered stage share.
template <typename U>
struct OrderedState {
  using Results = absl::InlinedVector<U, 1>;

  explicit OrderedState(int fibers) : reorder(4 * fibers) {}

  Mutex mu;  // held while a value is received, so that tickets are in the order of the values
  int64_t tickets ABSL_GUARDED_BY(mu) = 0;
  patterns_internal::Reorder<Results> reorder;
};

}  // namespace internal

// As FlatMap(), in the order of `in`: a value's results are kept until it is their turn.
template <typename U, typename T, typename Fn>
RecvChan<U> OrderedFlatMap(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  using State = internal::OrderedState<U>;
  auto state = std::make_shared<State>(fibers);
  return pipe.Stage(fibers, pipe.MakeStageChan<U>(), [=, &pipe](const Chan<U>& out) {
    // On the way out by a panic or an error.
    struct Stop {
      ~Stop() {
        if (armed) state.reorder.Stop();
      }
      State& state;
      bool armed = true;
    };
    for (;;) {
      std::optional<T> value;
      int64_t ticket;
      {
        MutexLock lock(state->mu);
        value = pipe.Recv(in);
        if (!value) return;
        ticket = state->tickets++;
      }
      Stop stop{*state};
      typename State::Results results;
      const auto emit = [&results](U result) {
        results.push_back(std::move(result));
        return true;
      };
      if constexpr (std::is_void_v<decltype(fn(*std::move(value), emit))>) {
        fn(*std::move(value), emit);
      } else if (absl::Status error = fn(*std::move(value), emit); !error.ok()) {
        return pipe.Fail(std::move(error));
      }
      const bool goes_on =
          state->reorder.Bring(ticket, std::move(results), [&](typename State::Results&& next) {
            for (U& result : next) {
              if (!pipe.Send(out, std::move(result))) return false;
            }
            return true;
          });
      stop.armed = false;
      if (!goes_on) return;
    }
  });
}

// As Map(), in the order of `in`.
template <typename T, typename Fn, typename U = internal::ReturnedBy<Fn, T>>
RecvChan<U> OrderedMap(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  return OrderedFlatMap<U>(pipe, std::move(in), fibers, internal::Mapper<T>(std::move(fn)));
}

// As Filter(), in the order of `in`.
template <typename T, typename Fn>
RecvChan<T> OrderedFilter(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  return OrderedFlatMap<T>(pipe, std::move(in), fibers, internal::Filterer<T>(std::move(fn)));
}

// As FilterMap(), in the order of `in`.
template <typename T, typename Fn, typename U = typename internal::ReturnedBy<Fn, T>::value_type>
RecvChan<U> OrderedFilterMap(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  return OrderedFlatMap<U>(pipe, std::move(in), fibers, internal::FilterMapper<T>(std::move(fn)));
}

}  // namespace weft::pipeline

#endif  // WEFT_PATTERNS_PIPELINE_ORDERED_H_
