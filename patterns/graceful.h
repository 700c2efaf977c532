// graceful.h: shuts the parts of a program down in order, each within its time.
//
// Go: what a main function does by hand after signal.NotifyContext: srv.Shutdown(ctx), then
//   db.Close(), …
//
// Thread safety: all methods.
// Blocks: Run(): until every step has returned; a second Run() until the first is over. Add():
//   nothing.
// Ordering: each step is before the next, and all before the return of every Run().
// Lifetime: steps are kept until the object dies: they may refer to what was made before it.
// Misuse: a step that does not look at its context holds everything up: nothing can end it from
//   outside.
// Cost: a context for each step that has a limit.
//
// The step that was added last runs first, as destructors do: whoever is started later may need
// what was there before. An error, a panic, or a step that takes too long does not keep the others
// from running.
//
//   weft::GracefulShutdown shutdown;
//   shutdown.Add("database", [&](const weft::Context&) { return db.Close(); });
//   shutdown.Add("server", absl::Seconds(5), [&](const weft::Context& c) { return s.Drain(c); });
//   …
//   signals.Recv();
//   return shutdown.Run(weft::Background());  // server, then database
#ifndef WEFT_PATTERNS_GRACEFUL_H_
#define WEFT_PATTERNS_GRACEFUL_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/sync/mutex.h"

namespace weft {

class GracefulShutdown {
 public:
  using Step = std::function<absl::Status(const Context& ctx)>;

  GracefulShutdown() = default;
  GracefulShutdown(const GracefulShutdown&) = delete;
  GracefulShutdown& operator=(const GracefulShutdown&) = delete;

  // False: too late, Run() has begun; the step is dropped, and whoever adds it has to do its work.
  // The context of a step ends when its limit is over.
  bool Add(std::string name, Step step) {
    return Add(std::move(name), absl::InfiniteDuration(), std::move(step));
  }
  bool Add(std::string name, absl::Duration limit, Step step);

  // Runs all steps, once, whoever calls it and how often. If `ctx` ends, the steps that are left
  // run with a context that has ended: in a hurry, but they run. Returns the errors of all steps,
  // each with the name of its step.
  absl::Status Run(const Context& ctx);

  // Closed when Run() has begun.
  RecvChan<Empty> Begun() const { return begun_; }

 private:
  struct Part {
    std::string name;
    absl::Duration limit;
    Step step;
  };

  static absl::Status RunStep(const Part& part, const Context& ctx);

  const Chan<Empty> begun_ = MakeChan<Empty>();
  const Chan<Empty> over_ = MakeChan<Empty>();
  Mutex mu_;
  std::vector<Part> parts_ ABSL_GUARDED_BY(mu_);
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status result_ ABSL_GUARDED_BY(mu_);
};

}  // namespace weft

#endif  // WEFT_PATTERNS_GRACEFUL_H_
