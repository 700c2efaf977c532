// pipeline.h: stages that hand values to each other by channels, each with a number of fibers.
//
// Go: github.com/destel/rill: FromSlice, Generate, FlatMap. More in pipeline_map.h, _ordered.h,
//   _batch.h, _route.h, _sink.h and _map_reduce.h. Differences: the fibers belong to a Pipeline,
//   which ends with its scope; an error does not travel down with the values, it ends the whole,
//   and the sink returns it.
//
// Thread safety: all functions; a stage's function is called by `fibers` fibers at the same time.
// Blocks: building a stage: nothing. Each stage waits for the one before and the one after it. The
//   destructor: until all stages have ended.
// Ordering: of the channels.
// Lifetime: what a stage's function refers to must outlive the Pipeline: declare it before.
//   Channels of stages outlive it, closed.
// Misuse: a stage whose output nobody receives stops those before it, until the Pipeline ends. Less
//   than one fiber panics. A panic in a function ends the whole and is thrown by the sink, or by
//   Finish(). Goexit() in one ends the whole with kAborted.
// Cost: for each value and stage a channel's send and receive, and a Park() and Ready() for as many
//   as there is room for between the stages.
//
//   weft::Pipeline pipe(ctx);
//   auto ids = weft::pipeline::From(pipe, std::vector<int>{1, 2, 3});
//   auto users = weft::pipeline::Map(pipe, ids, 4, [&](int id) { return Load(ctx, id); });
//   absl::StatusOr<std::vector<User>> all = weft::pipeline::ToVector(pipe, users);
#ifndef WEFT_PATTERNS_PIPELINE_H_
#define WEFT_PATTERNS_PIPELINE_H_

#include <atomic>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/patterns/panics.h"
#include "weft/sched/go.h"
#include "weft/sync/waitgroup.h"

namespace weft {

// What the stages of one pipeline share: a context, their fibers, and the first error.
class Pipeline {
 public:
  // Between any two stages there is room for `buffer` values.
  explicit Pipeline(const Context& parent = Background(), int64_t buffer = 16);
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
    if (!context_.Err().ok()) return std::nullopt;
    TryRecvResult<T> here = in.TryRecv();
    if (!here.empty()) return std::move(here).value();
    std::optional<T> value;
    if (Select(OnRecv(in, &value), OnDone(context_)) == 1) return std::nullopt;
    return value;
  }

  // For stages: false if the pipeline has ended.
  template <typename T>
  bool Send(const Chan<T>& out, T value) const {
    if (!context_.Err().ok()) return false;
    if (out.TrySend(std::move(value))) return true;
    return Select(OnSend(out, std::move(value)), OnDone(context_)) == 0;
  }

  // For stages: what goes to the next one.
  template <typename T>
  Chan<T> MakeStageChan() const {
    return MakeChan<T>(buffer_);
  }

  // For stages: body(out) in `fibers` fibers; `out` is closed when the last has ended.
  template <typename T, typename Body>
  RecvChan<T> Stage(int fibers, Chan<T> out, Body body) {
    CheckFibers(fibers);
    auto shared = std::make_shared<std::pair<Body, std::atomic<int>>>(std::move(body), fibers);
    for (int f = 0; f < fibers; ++f) {
      Go([this, out, shared] {
        struct Leave {
          ~Leave() {
            if (InGoexit()) pipe.Fail(absl::AbortedError("a stage of the pipeline called Goexit"));
            // ORDER(stage.left): acq_rel; pairs with itself: the last comes after all others'
            // sends.
            if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) out.Close();
          }
          Pipeline& pipe;
          const Chan<T>& out;
          std::atomic<int>& left;
        } leave{*this, out, shared->second};
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

  const int64_t buffer_;
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
  return pipe.Stage(1, pipe.MakeStageChan<T>(),
                    [&pipe, range = std::move(range)](const Chan<T>& out) mutable {
                      for (auto&& value : range) {
                        if (!pipe.Send<T>(out, std::move(value))) return;
                      }
                    });
}

// What fn(emit) -> absl::Status or nothing emits.
template <typename T, typename Fn>
RecvChan<T> Generate(Pipeline& pipe, Fn fn) {
  return pipe.Stage(1, pipe.MakeStageChan<T>(),
                    [&pipe, fn = std::move(fn)](const Chan<T>& out) mutable {
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
  return pipe.Stage(fibers, pipe.MakeStageChan<U>(),
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

}  // namespace pipeline
}  // namespace weft

#endif  // WEFT_PATTERNS_PIPELINE_H_
