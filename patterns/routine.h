// routine.h: the life of a program, or of a part of one: prepare, run with its children, stop,
// clean up.
//
// Go: github.com/x-mod/routine: Routine, Main, Child and their options. Differences: nothing is
//   global: a child finds its routine by the context; Close() may be called often; errors of
//   children come out, if the main executor has none; Cleanup gets a context that has not ended,
//   even if the caller's has. Signals come on a channel, whoever sends them.
//
// Thread safety: all methods; Execute() once.
// Blocks: Execute(): until everything has ended. The others: nothing.
// Ordering: Prepare, then the main executor and the children at once, then, when all of them have
//   ended, Cleanup.
// Lifetime: must outlive Execute(), which leaves no fiber behind.
// Misuse: without an executor or a context Execute() is kInvalidArgument; a second Execute() is
//   kFailedPrecondition.
// Cost: a fiber for the main executor, for each child, and one or two that watch.
//
// It ends when the main executor returns, when Close() is called, a signal of `cancel_signals`
// comes, or the context ends. What anybody throws ends it too, and leaves Execute() after Cleanup.
// An error of Prepare ends it before it begins: Cleanup does not run then.
//
//   int main(int argc, char** argv) {
//     return weft::routine::Main(argc, argv, Serve, {.prepare = OpenDb, .cleanup = CloseDb});
//   }
#ifndef WEFT_PATTERNS_ROUTINE_H_
#define WEFT_PATTERNS_ROUTINE_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/patterns/scope.h"
#include "weft/sync/mutex.h"

namespace weft::routine {

// Something that runs until it is done or its context ends.
using Executor = std::function<absl::Status(const Context& ctx)>;

struct Options {
  std::vector<std::string> arguments = {};
  Executor prepare = nullptr;
  Executor cleanup = nullptr;
  // Run beside the main executor. Their errors end nobody else.
  std::vector<Executor> children = {};
  // Numbers of signals; nil: none. on_signal is called for each; one of cancel_signals ends the
  // routine as well.
  RecvChan<int> signals = nullptr;
  std::function<void(int signal)> on_signal = nullptr;
  std::vector<int> cancel_signals = {};
};

class Routine {
 public:
  explicit Routine(Executor main, Options options = {})
      : main_(std::move(main)), options_(std::move(options)) {}
  Routine(const Routine&) = delete;
  Routine& operator=(const Routine&) = delete;

  // The first of: Prepare's error; the main executor's; a child's that was not told to stop;
  // Cleanup's. Whoever is told to stop, and returns OK, has ended well.
  absl::Status Execute(const Context& ctx);

  // Closed when the main executor and the children have been started.
  RecvChan<Empty> Serving() const { return serving_; }

  // Ends the contexts of all.
  void Close();

  // Runs one more child. Its result comes on the channel; kFailedPrecondition if the routine is not
  // serving.
  RecvChan<absl::Status> Go(Executor child);

  // The routine whose executor has this context. Null: none.
  static Routine* From(const Context& ctx);

 private:
  absl::Status Serve(const Context& ctx);
  void Watch(Scope& scope);
  void WatchSignals(const Context& ctx);
  absl::Status RunChild(const Executor& child, const Context& ctx);

  const Executor main_;
  const Options options_;
  const Chan<Empty> serving_ = MakeChan<Empty>();
  const Chan<Empty> closing_ = MakeChan<Empty>();
  Mutex mu_;
  bool executed_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  Scope* scope_ ABSL_GUARDED_BY(mu_) = nullptr;    // while children may be added
  absl::Status child_error_ ABSL_GUARDED_BY(mu_);  // the first
};

// The arguments of the routine that the context belongs to.
const std::vector<std::string>& ArgumentsFrom(const Context& ctx);

// weft::Main() with a Routine: an error goes to stderr and is exit status 1. argv stands before
// options.arguments.
int Main(int argc, char** argv, Executor main, Options options = {});

}  // namespace weft::routine

#endif  // WEFT_PATTERNS_ROUTINE_H_
