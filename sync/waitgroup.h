// waitgroup.h: waits until a set of fibers has finished.
//
// Go: sync.WaitGroup, with Add, Done, Wait and Go. In a synctest bubble a WaitGroup becomes the
//   bubble's own by its first Add() or Go(), until it is done; here also one that is a global.
//
// Thread safety: all methods may be called at any time from fibers, threads and timer callbacks
//   (Wait() not from the latter). As in Go, an Add() that starts from zero must happen before the
//   Wait() that is to see it.
// Blocks: Wait(): the fiber, or the thread when the caller is not a fiber. The others: nothing.
// Ordering: each Done() synchronizes with the return of every Wait() that it lets through.
// Lifetime: may be destroyed as soon as every Wait() has returned, even though the last Done() has
//   not returned yet.
// Misuse: a counter below zero panics, and so do, where they can be seen, an Add() from zero while
//   waiters are being released and a reuse before the former Wait() has returned. After a panic the
//   WaitGroup is of no further use. Counting a bubble's WaitGroup from outside, or one that was
//   counted outside from a bubble, is fatal, in Go's words.
// Cost: Add() and Done() one atomic add, 2.5 ns alone; no allocation; 16 bytes.
//
//   weft::WaitGroup wg;
//   for (const Url& url : urls) wg.Go([&url] { Fetch(url); });
//   wg.Wait();
#ifndef WEFT_SYNC_WAITGROUP_H_
#define WEFT_SYNC_WAITGROUP_H_

#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "weft/sched/go.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/spawn.h"
#include "weft/sched/internal/stack_kind.h"

namespace weft {

class WaitGroup {
 public:
  WaitGroup() = default;
  WaitGroup(const WaitGroup&) = delete;
  WaitGroup& operator=(const WaitGroup&) = delete;

  // Returns when the counter is zero.
  void Wait();

  // Adds `delta`, which may be negative, to the counter. Reaching zero releases all waiters.
  void Add(int delta);

  void Done() { Add(-1); }

  // Counts a new fiber that runs fn(), and counts it down when fn has returned or called Goexit()
  // and the closure is destroyed. When fn throws, it is not counted down: the exception ends the
  // process, and nobody who waits may conclude before that that all went well.
  // `kKind` is not for you to say: it makes code that is compiled differently call different
  // functions.
  template <typename Fn, sched_internal::StackKind kKind = sched_internal::kStackKind>
  void Go(Fn&& fn);

 private:
  struct Waiter;
  template <typename Fn>
  class Task;

  void AddAtSafePoint(int delta);
  void Count(int delta);
  [[gnu::noinline]] void Settle(uint64_t state, int delta);
  void JoinBubble();
  void LeaveBubble(uint64_t state);
  void CheckOutside(uint64_t state, int delta);
  void Await();
  void Release(uint64_t state);
  void TakePermits(uint32_t n);

  // bits   0..30  fibers that wait, or are about to
  //       31      belongs to the simulated world that counted up from zero
  //       32..63  the counter, signed
  // Invariant: waiters enter only while the counter is not zero, and the Add() that brings it to
  // zero clears them.
  sched_internal::Atom<uint64_t> state_{0};

  // Null, or the stack of waiters (bit 0 clear), or the number of permits that the last Release()
  // has left for waiters that had counted themselves but were not on the stack yet (shifted left by
  // one, bit 0 set).
  sched_internal::Atom<uintptr_t> waiters_{0};
};

// What runs in the fiber: counts down last, when nothing of the closure is left.
template <typename Fn>
class WaitGroup::Task {
 public:
  template <typename F>
  Task(WaitGroup* group, F&& fn) : group_(group), fn_(std::in_place, std::forward<F>(fn)) {}

  void operator()() {
    Finally finally{this};
    (*fn_)();
  }

 private:
  struct Finally {
    ~Finally() {
      task->fn_.reset();
      if (std::uncaught_exceptions() == 0 || sched_internal::IsGoexitUnwinding())
        task->group_->Done();
    }
    Task* task;
  };

  WaitGroup* group_;
  std::optional<Fn> fn_;
};

template <typename Fn, sched_internal::StackKind kKind>
void WaitGroup::Go(Fn&& fn) {
  if constexpr (requires { fn == nullptr; }) {
    if (fn == nullptr) sched_internal::FatalNilFunction();
  }
  Task<std::decay_t<Fn>> task(this, std::forward<Fn>(fn));
  Add(1);
  sched_internal::StartFiber(kKind, {}, std::move(task));
}

}  // namespace weft

#endif  // WEFT_SYNC_WAITGROUP_H_
