// supervisor.h: keeps fibers running: whoever ends is started again, as long as that makes sense.
//
// Go: none in the standard library (suture). Erlang: supervisor, with its strategies, restart types
//   and intensity.
//
// Thread safety: Add() before Run(), by one fiber. `on_end` is called by the fiber that runs Run().
// Blocks: Run(): until all children have ended for good, there were too many restarts, or the
//   context ends.
// Ordering: a child's end is before its next start, and the end of all children before the return
//   of Run().
// Lifetime: no child outlives Run().
// Misuse: a child that does not look at its context cannot be stopped: whoever waits for its end
//   waits.
// Cost: a fiber and a context for each child that runs.
//
// Children are started in the order of Add() and stopped in the opposite one, each before the next,
// also when the context ends: theirs is a copy without its end and deadline. An error and a panic
// are failures alike. What a child returns because it was stopped counts for nothing. A Run() can
// be another supervisor's child: a tree, in which a failure that restarts do not cure goes up.
//
//   weft::Supervisor s({.strategy = weft::Strategy::kRestForOne});
//   s.Add({.name = "cache", .run = RunCache});
//   s.Add({.name = "server", .run = RunServer});             // is started anew when the cache is
//   return s.Run(ctx);
#ifndef WEFT_PATTERNS_SUPERVISOR_H_
#define WEFT_PATTERNS_SUPERVISOR_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/patterns/queue.h"

namespace weft {

// Who is started again besides the child that has ended.
enum class Strategy : uint8_t {
  kOneForOne,   // nobody
  kOneForAll,   // all others, after they have been stopped
  kRestForOne,  // those that were added after it
};

// Which end calls for a restart.
enum class Restart : uint8_t {
  kPermanent,  // every
  kTransient,  // a failure
  kTemporary,  // none, not even that of a sibling which restarts others
};

struct ChildSpec {
  std::string name;
  std::function<absl::Status(const Context& ctx)> run;
  Restart restart = Restart::kPermanent;
};

struct SupervisorOptions {
  Strategy strategy = Strategy::kOneForOne;
  // More restarts than this within that time are given up on. The time is that of MonotonicNanos().
  int max_restarts = 3;
  absl::Duration within = absl::Seconds(5);
  // How long to wait before a restart: given how many there have been within the time, this one
  // included.
  std::function<absl::Duration(int restarts)> backoff = nullptr;
  // What is told of each end that the supervisor has not brought about: for logs.
  std::function<void(const ChildSpec& child, const absl::Status& result)> on_end = nullptr;
};

class Supervisor {
 public:
  explicit Supervisor(SupervisorOptions options = {}) : options_(std::move(options)) {}
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  void Add(ChildSpec child) { children_.push_back({std::move(child)}); }

  // OK: no child is left that would be started again. kResourceExhausted: too many restarts; the
  // message has the last failure. ctx.Err(): the context ended.
  absl::Status Run(const Context& ctx);

 private:
  struct Child {
    ChildSpec spec;
    CancelFunc cancel = CancelFunc();
    Chan<Empty> over = nullptr;  // closed by the fiber at its end
    int64_t start = 0;           // which start this is: ends of earlier ones are no news
    bool live = false;
  };
  struct End {
    size_t child;
    int64_t start;
    absl::Status result;
  };

  void Start(const Context& ctx, size_t child);
  void Stop(size_t child);
  void StopFrom(size_t first);
  bool CallsForRestart(const Child& child, const absl::Status& result) const;
  absl::Status RestartAfter(const Context& ctx, const End& end);
  int RestartsNow();

  const SupervisorOptions options_;
  std::vector<Child> children_;
  std::deque<int64_t> restarts_ns_;  // when the last ones were, within the time
  Queue<End> ends_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_SUPERVISOR_H_
