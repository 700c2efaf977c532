// unit_pool.h: units of work that can be waited for and cancelled, alone, in batches, or all at
// once.
//
// Go: github.com/go-playground/pool v3: NewLimited, New, Queue, Cancel, Close, Reset; WorkUnit;
//   Batch. Differences: values are typed; a unit's function gets a context, which ends when the
//   unit is cancelled, where Go gives it the unit to ask.
//
// Thread safety: all methods.
// Blocks: Wait(), WaitAll(): until the unit, or all, have ended. The destructor: until all
//   functions have returned. The fiber, or the thread when the caller is not a fiber. The others:
//   nothing.
// Ordering: the end of a unit is before the return of its Wait().
// Lifetime: units are handles that share, and may outlive the pool. Functions may refer to what
//   outlives it.
// Misuse: a panic in a function becomes the unit's error, kInternal, with the stack. Goexit():
//   kAborted.
// Cost: a fiber for each unit from Queue() on, a context, and an allocation of its own.
//
// A unit is cancelled only if it has not ended: then it has ended, with kCancelled, though its
// function may still run; what that returns is dropped. One that had no place yet never runs.
//
//   weft::UnitPool<Mail> pool(10);
//   auto unit = pool.Queue([&](const weft::Context& ctx) { return Load(ctx, id); });
//   unit.Wait();
//   absl::StatusOr<Mail> mail = unit.Value();
#ifndef WEFT_PATTERNS_UNIT_POOL_H_
#define WEFT_PATTERNS_UNIT_POOL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/patterns/panics.h"
#include "weft/sync/mutex.h"
#include "weft/sync/semaphore.h"
#include "weft/sync/waitgroup.h"

namespace weft {

template <typename T>
class WorkUnit {
 public:
  // Returns when the unit has ended.
  void Wait() const { state_->ended.Recv(); }
  // As a case of a select: closed when the unit has ended.
  RecvChan<Empty> Ended() const { return state_->ended; }

  // What the function returned, or why it did not; waits for it.
  absl::StatusOr<T> Value() const {
    Wait();
    MutexLock lock(state_->mu);
    return *state_->result;
  }
  absl::Status Error() const { return Value().status(); }

  // Ends the unit, unless it has ended. Returns whether this call did.
  bool Cancel() const { return state_->Cancel(absl::CancelledError("work unit cancelled")); }
  // Whether it ended by this, or by its pool.
  bool IsCancelled() const {
    MutexLock lock(state_->mu);
    return state_->cancelled;
  }

 private:
  template <typename U>
  friend class UnitPool;

  struct State {
    explicit State(const Context& parent) {
      auto [c, stop] = WithCancel(parent);
      ctx = std::move(c);
      cancel = std::move(stop);
    }

    bool Cancel(absl::Status why) { return End(std::move(why), /*by_cancelling=*/true); }

    bool End(absl::StatusOr<T> value, bool by_cancelling = false) {
      {
        MutexLock lock(mu);
        if (result) return false;
        result.emplace(std::move(value));
        cancelled = by_cancelling;
      }
      cancel();
      ended.Close();
      return true;
    }

    Context ctx;
    CancelFunc cancel;
    const Chan<Empty> ended = MakeChan<Empty>();
    Mutex mu;
    std::optional<absl::StatusOr<T>> result ABSL_GUARDED_BY(mu);
    bool cancelled ABSL_GUARDED_BY(mu) = false;
  };

  explicit WorkUnit(const Context& parent) : state_(std::make_shared<State>(parent)) {}

  std::shared_ptr<State> state_;
};

template <typename T>
class UnitPool {
 public:
  // At most `limit` functions at a time; 0: any number.
  explicit UnitPool(int64_t limit = 0) {
    if (limit > 0) places_.emplace(limit);
    Reset();
  }
  ~UnitPool() {
    Close();
    running_.Wait();
  }
  UnitPool(const UnitPool&) = delete;
  UnitPool& operator=(const UnitPool&) = delete;

  // Has fn(const Context&) -> absl::StatusOr<T> run as soon as there is a place. In a closed pool
  // the unit has ended with kFailedPrecondition.
  template <typename Fn>
  WorkUnit<T> Queue(Fn fn) {
    WorkUnit<T> unit(Current());
    if (!unit.state_->ctx.Err().ok()) {
      unit.state_->Cancel(Cause(unit.state_->ctx));  // the pool may be open again by now
      return unit;
    }
    running_.Go([this, unit, fn = std::move(fn)]() mutable { Run(unit, fn); });
    return unit;
  }

  // Ends all units that have not ended, with kCancelled or, by Close(), kFailedPrecondition; the
  // pool takes no more until Reset().
  void Cancel() { Stop(absl::CancelledError("work unit cancelled")); }
  void Close() { Stop(absl::FailedPreconditionError("pool is closed")); }

  // Opens a pool after Cancel() or Close().
  void Reset() {
    MutexLock lock(mu_);
    if (cancel_ && current_.Err().ok()) return;
    auto [ctx, cancel] = WithCancelCause(Background());
    current_ = std::move(ctx);
    cancel_ = std::move(cancel);
  }

 private:
  Context Current() const {
    MutexLock lock(mu_);
    return current_;
  }

  void Stop(absl::Status why) {
    MutexLock lock(mu_);
    (*cancel_)(std::move(why));
  }

  template <typename Fn>
  void Run(const WorkUnit<T>& unit, Fn& fn) {
    typename WorkUnit<T>::State& state = *unit.state_;
    // On the way out, also by Goexit().
    struct Finish {
      ~Finish() {
        state.End(absl::AbortedError("work unit called Goexit"));
        if (placed) pool->places_->Release();
      }
      UnitPool* pool;
      typename WorkUnit<T>::State& state;
      bool placed = false;
    } finish{this, state};
    // The pool's end is the unit's, also while it runs. Its own end makes this do nothing.
    StopFunc watch = AfterFunc(state.ctx, [unit] { unit.state_->Cancel(Cause(unit.state_->ctx)); });
    if (places_) {
      if (!places_->Acquire(state.ctx).ok()) return void(state.Cancel(Cause(state.ctx)));
      finish.placed = true;
    }
    if (!state.ctx.Err().ok()) return void(state.Cancel(Cause(state.ctx)));
    std::optional<Recovered> panic = Recover([&] {
      absl::StatusOr<T> value = fn(std::as_const(state.ctx));
      watch();
      if (state.ctx.Err().ok()) {
        state.End(std::move(value));  // unless Cancel() has ended it, and is about to say so
      } else {
        state.Cancel(Cause(state.ctx));
      }
    });
    if (panic) state.End(panic->ToStatus());
  }

  std::optional<Semaphore> places_;
  mutable Mutex mu_;
  // Parent of all units' contexts; its end is the pool's.
  Context current_ ABSL_GUARDED_BY(mu_);
  std::optional<CancelCauseFunc> cancel_ ABSL_GUARDED_BY(mu_);
  WaitGroup running_;
};

}  // namespace weft

#endif  // WEFT_PATTERNS_UNIT_POOL_H_
