// run_group.h: actors that live and die together.
//
// Go: github.com/oklog/run: Group.Add, Run, ContextHandler, SignalHandler. Run() runs all actors;
//   when the first returns it interrupts all, waits for all, and returns what the first returned.
//   Differences: a panic of an actor counts as its return, and is thrown by Run() when all have
//   ended.
//
// Thread safety: Add() and Run(): one user. Interrupt functions are called by the caller of Run(),
//   one after the other, while actors run.
// Blocks: Run(): until all actors have returned.
// Ordering: the end of each actor is before the return of Run().
// Lifetime: actors may refer to what outlives Run().
// Misuse: an actor that does not return when it is interrupted keeps Run() from returning.
// Cost: a fiber for each actor.
//
//   weft::RunGroup group;
//   group.Add([&] { return server.Serve(); }, [&](const absl::Status&) { server.Stop(); });
//   group.Add(weft::ContextActor(ctx));
//   return group.Run();
#ifndef WEFT_PATTERNS_RUN_GROUP_H_
#define WEFT_PATTERNS_RUN_GROUP_H_

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"

namespace weft {

class RunGroup {
 public:
  struct Actor {
    // Returns when its work is done, or soon after an interrupt.
    std::function<absl::Status()> execute;
    // Makes execute() return, also if that has returned already, or has not begun.
    std::function<void(const absl::Status& first)> interrupt;
  };

  RunGroup() = default;
  RunGroup(const RunGroup&) = delete;
  RunGroup& operator=(const RunGroup&) = delete;

  void Add(Actor actor);
  void Add(std::function<absl::Status()> execute,
           std::function<void(const absl::Status&)> interrupt) {
    Add(Actor{std::move(execute), std::move(interrupt)});
  }

  // Returns at once, OK, if there are no actors.
  absl::Status Run();

 private:
  std::vector<Actor> actors_;
};

// An actor that returns the context's error when it ends, or OK when it is interrupted.
RunGroup::Actor ContextActor(const Context& ctx);

// An actor that returns kCancelled, `received signal 15`, when the number of a signal comes on
// `signals`, whoever sends it there; the error of `ctx` when that ends; OK when it is interrupted,
// or `signals` is closed.
RunGroup::Actor SignalActor(const Context& ctx, RecvChan<int> signals);

}  // namespace weft

#endif  // WEFT_PATTERNS_RUN_GROUP_H_
