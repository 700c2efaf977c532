// ordered_stream.h: tasks run at the same time, and what they lead to happens in order.
//
// Go: github.com/sourcegraph/conc/stream.Stream: a task returns a callback; callbacks run one after
//   the other, in the order in which their tasks were submitted.
//
// Thread safety: Go() by one at a time, or the order says nothing. Wait(): once, when nobody calls
//   Go() any more.
// Blocks: Go(): while `max_fibers` tasks run or wait for their callback's turn. Wait() and the
//   destructor: until all tasks and callbacks have ended. The fiber, or the thread.
// Ordering: each callback is before the next, and the last before the return of Wait().
// Lifetime: tasks and callbacks may refer to what outlives the stream, which waits for them.
// Misuse: a panic in a task or callback is thrown by Wait(). The callbacks after it do not run;
//   tasks do.
// Cost: a fiber for each task, and one for the callbacks.
//
//   weft::OrderedStream stream(8);
//   for (const Path& path : paths) {
//     stream.Go([&] { auto text = Read(path); return [text] { std::puts(text.c_str()); }; });
//   }
//   stream.Wait();
#ifndef WEFT_PATTERNS_ORDERED_STREAM_H_
#define WEFT_PATTERNS_ORDERED_STREAM_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "weft/chan/chan.h"
#include "weft/patterns/panics.h"
#include "weft/patterns/task_group.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sync/semaphore.h"

namespace weft {

class OrderedStream {
 public:
  using Callback = absl::AnyInvocable<void()>;

  explicit OrderedStream(int64_t max_fibers) : places_(max_fibers) {
    if (max_fibers < 1) Panic("max fibers in a stream must be greater than zero");
    queue_ = MakeChan<RecvChan<Callback>>(max_fibers);
    tasks_.Go([this] { RunCallbacks(); });
  }
  ~OrderedStream() { Finish(); }
  OrderedStream(const OrderedStream&) = delete;
  OrderedStream& operator=(const OrderedStream&) = delete;

  // Runs task() -> callback in a new fiber, and then the callback, in its turn. An empty callback
  // is skipped.
  template <typename Task>
  void Go(Task task) {
    places_.Acquire();
    auto callback = MakeChan<Callback>(1);
    queue_.Send(callback);
    tasks_.Go([callback, task = std::move(task)]() mutable {
      struct Finish {
        ~Finish() { callback.Close(); }
        const Chan<Callback>& callback;
      } finish{callback};
      callback.Send(Callback(task()));
    });
  }

  // Waits for all, then throws the first panic.
  void Wait() {
    Finish();
    tasks_.Wait();
  }

 private:
  void Finish() {
    if (std::exchange(finished_, true)) return;
    queue_.Close();
  }

  void RunCallbacks() {
    for (const RecvChan<Callback>& pending : queue_) {
      struct Finish {
        ~Finish() {
          stream->places_.Release();
          // The callback has taken this fiber with it.
          if (InGoexit()) stream->tasks_.Go([s = stream] { s->RunCallbacks(); });
        }
        OrderedStream* stream;
      } finish{this};
      // Nothing: the task panicked, or called Goexit.
      std::optional<Callback> callback = pending.Recv();
      if (!callback) skipping_ = true;
      if (skipping_ || !*callback) continue;
      skipping_ = !panics_.Try([&] { (*callback)(); });
    }
    panics_.Rethrow();
  }

  Semaphore places_;
  // For each task, in order, the channel that brings its callback.
  Chan<RecvChan<Callback>> queue_;
  bool finished_ = false;
  bool skipping_ = false;  // by the callbacks' fiber
  PanicCatcher panics_;
  // Last: its destructor waits for those who use the others.
  TaskGroup tasks_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_ORDERED_STREAM_H_
