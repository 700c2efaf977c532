// pipeline.h: stages that hand values to each other by channels, each with a number of fibers of
// its own.
//
// Go: github.com/destel/rill: FromSlice, Generate, Map, Filter, FlatMap and their ordered forms.
// More in
//   pipeline_batch.h, pipeline_route.h and pipeline_sink.h. Differences: the fibers belong to a
//   Pipeline, which ends with its scope; an error does not travel down with the values, it ends the
//   whole, and the sink returns it.
//
// Thread safety: all functions; a stage's function is called by `fibers` fibers at the same time.
// Blocks: building a stage: nothing. Each stage waits for the one before and the one after it, with
// room
//   for `fibers` values between them. The destructor: until all stages have ended.
// Ordering: of the channels.
// Lifetime: what a stage's function refers to must outlive the Pipeline: declare it before.
// Channels of
//   stages outlive it, closed.
// Misuse: a stage whose output nobody receives stops those before it, until the Pipeline ends. Less
// than
//   one fiber panics. A panic in a function ends the whole and is thrown by the sink, or by
//   Finish().
// Cost: for each value and stage a channel's send and receive in a select, about 40 ns; ordered
// forms a
//   fiber and an allocation more.
//
//   weft::Pipeline pipe(ctx);
//   auto ids = weft::pipeline::From(pipe, std::vector<int>{1, 2, 3});
//   auto users = weft::pipeline::Map(pipe, ids, 4, [&](int id) { return LoadUser(pipe.context(),
//   id); }); absl::StatusOr<std::vector<User>> all = weft::pipeline::ToVector(pipe, users);
#ifndef WEFT_PATTERNS_PIPELINE_H_
#define WEFT_PATTERNS_PIPELINE_H_

#include <atomic>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/panics.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/waitgroup.h"

namespace weft {

// What the stages of one pipeline share: a context, their fibers, and the first error.
class Pipeline {
 public:
  explicit Pipeline(const Context& parent = Background());
  // Ends the stages and waits for them.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Ends with the first error as its cause, with its parent, and with the Pipeline.
  const Context& context() const { return context_; }

  // Ends all stages. Only the first error counts.
  void Fail(absl::Status error);

  // OK while all is well; otherwise why the pipeline has ended. Throws the panic of a stage.
  absl::Status Failure() const;

  // Ends the stages, waits for them, and returns the error that was there before, if any.
  absl::Status Finish();

  // For stages: runs fn() in a fiber of the pipeline; a panic ends the pipeline.
  template <typename Fn>
  void Go(Fn fn) {
    fibers_.Go([this, fn = std::move(fn)]() mutable { Guard(fn); });
  }

  // For stages: a value, or nothing at the end of the channel or of the pipeline.
  template <typename T>
  std::optional<T> Recv(const RecvChan<T>& in) const {
    std::optional<T> value;
    if (Select(OnRecv(in, &value), OnDone(context_)) == 1) return std::nullopt;
    return value;
  }

  // For stages: false if the pipeline has ended.
  template <typename T>
  bool Send(const Chan<T>& out, T value) const {
    return Select(OnSend(out, std::move(value)), OnDone(context_)) == 0;
  }

  // For stages: body() in `fibers` fibers; `out` is closed when the last has ended.
  template <typename T, typename Body>
  RecvChan<T> Stage(int fibers, Chan<T> out, Body body) {
    CheckFibers(fibers);
    auto shared = std::make_shared<std::pair<Body, std::atomic<int>>>(std::move(body), fibers);
    for (int f = 0; f < fibers; ++f) {
      Go([this, out, shared] {
        struct Leave {
          ~Leave() {
            // ORDER(stage.left): acq_rel; pairs with itself: the last comes after all others'
            // sends.
            if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) out.Close();
          }
          const Chan<T>& out;
          std::atomic<int>& left;
        } leave{out, shared->second};
        // Inside of `leave`: who sees the closed channel must find the panic.
        Guard([&] { shared->first(out); });
      });
    }
    return out;
  }

 private:
  static void CheckFibers(int fibers);

  template <typename Fn>
  void Guard(Fn&& fn) {
    if (!panics_.Try(fn)) Fail(absl::InternalError("a stage of the pipeline panicked"));
  }

  Context context_;
  CancelCauseFunc cancel_;
  PanicCatcher panics_;
  WaitGroup fibers_;
};

namespace pipeline {

// What a function gives its results to. False: the pipeline has ended, return soon.
template <typename T>
class Emit {
 public:
  Emit(const Pipeline& pipe, const Chan<T>& out) : pipe_(pipe), out_(out) {}
  bool operator()(T value) const { return pipe_.Send(out_, std::move(value)); }

 private:
  const Pipeline& pipe_;
  const Chan<T>& out_;
};

// The values of a range, which is moved or copied in.
template <typename Range, typename T = std::decay_t<decltype(*std::begin(std::declval<Range&>()))>>
RecvChan<T> From(Pipeline& pipe, Range range) {
  return pipe.Stage(1, MakeChan<T>(1),
                    [&pipe, range = std::move(range)](const Chan<T>& out) mutable {
                      for (auto&& value : range) {
                        if (!pipe.Send<T>(out, std::move(value))) return;
                      }
                    });
}

// What fn(emit) -> absl::Status or nothing emits.
template <typename T, typename Fn>
RecvChan<T> Generate(Pipeline& pipe, Fn fn) {
  return pipe.Stage(1, MakeChan<T>(1), [&pipe, fn = std::move(fn)](const Chan<T>& out) mutable {
    if constexpr (std::is_void_v<decltype(fn(Emit<T>(pipe, out)))>) {
      fn(Emit<T>(pipe, out));
    } else if (absl::Status error = fn(Emit<T>(pipe, out)); !error.ok()) {
      pipe.Fail(std::move(error));
    }
  });
}

// For each value whatever fn(value, emit) -> absl::Status or nothing emits, in any order.
template <typename U, typename T, typename Fn>
RecvChan<U> FlatMap(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  return pipe.Stage(fibers, MakeChan<U>(fibers),
                    [&pipe, in, fn = std::move(fn)](const Chan<U>& out) {
                      const Emit<U> emit(pipe, out);
                      while (std::optional<T> value = pipe.Recv(in)) {
                        if constexpr (std::is_void_v<decltype(fn(*std::move(value), emit))>) {
                          fn(*std::move(value), emit);
                        } else if (absl::Status error = fn(*std::move(value), emit); !error.ok()) {
                          return pipe.Fail(std::move(error));
                        }
                      }
                    });
}

namespace internal {

struct Place {
  ~Place() { places.Release(); }
  Semaphore& places;
};

}  // namespace internal

// The same, in the order of `in`: a value's results are kept until it is their turn.
template <typename U, typename T, typename Fn>
RecvChan<U> OrderedFlatMap(Pipeline& pipe, RecvChan<T> in, int fibers, Fn fn) {
  using Slot = Chan<std::vector<U>>;
  auto shared = std::make_shared<Fn>(std::move(fn));
  auto places = std::make_shared<Semaphore>(fibers);
  RecvChan<Slot> turns = pipe.Stage(1, MakeChan<Slot>(fibers), [=, &pipe](const Chan<Slot>& out) {
    while (std::optional<T> value = pipe.Recv(in)) {
      if (!places->Acquire(pipe.context()).ok()) return;
      Slot slot = MakeChan<std::vector<U>>(1);
      pipe.Go([&pipe, slot, shared, places, value = *std::move(value)]() mutable {
        internal::Place place{*places};
        std::vector<U> results;
        const auto emit = [&results](U result) {
          results.push_back(std::move(result));
          return true;
        };
        if constexpr (std::is_void_v<decltype((*shared)(std::move(value), emit))>) {
          (*shared)(std::move(value), emit);
        } else if (absl::Status error = (*shared)(std::move(value), emit); !error.ok()) {
          return pipe.Fail(std::move(error));
        }
        slot.Send(std::move(results));
      });
      if (!pipe.Send(out, std::move(slot))) return;
    }
  });
  return pipe.Stage(1, MakeChan<U>(fibers), [&pipe, turns](const Chan<U>& out) {
    while (std::optional<Slot> slot = pipe.Recv(turns)) {
      std::optional<std::vector<U>> results = pipe.Recv<std::vector<U>>(*slot);
      if (!results) return;
      for (U& result : *results) {
        if (!pipe.Send(out, std::move(result))) return;
      }
    }
  });
}

}  // namespace pipeline
}  // namespace weft

#endif  // WEFT_PATTERNS_PIPELINE_H_
