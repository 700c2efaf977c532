// go.h: to start fibers, and what a fiber can ask of the scheduler.
//
// Go: the go statement, runtime.Gosched, time.Sleep, runtime.Goexit, GOMAXPROCS, NumCPU,
//   SetDefaultGOMAXPROCS, NumGoroutine, LockOSThread, UnlockOSThread.
//
// Thread safety: all functions may be called from fibers and plain threads alike.
// Blocks: Gosched() and Sleep(): the fiber, or the thread when the caller is not a fiber. Go():
//   nothing.
// Ordering: Go(fn) synchronizes with the start of fn. The end of fn synchronizes with nothing: use
//   a channel or a WaitGroup.
// Lifetime: the closure is moved into the new fiber's own stack and destroyed there when it has
//   returned. The runtime starts with the first Go() and is never destroyed by static destructors.
// Misuse: an exception that leaves fn ends the process as an unrecovered panic does in Go: message,
//   stack, status 2. An empty std::function is fatal: `go of nil func value`.
// Cost: about 30 ns to start and end a fiber, no allocation once warm; 4 KiB of memory while parked
//   shallowly.
//
//   weft::Go([] { std::puts("in a fiber"); });
//   weft::Go({.name = "reader", .stack_bytes = 1 << 20}, [fd] { ReadAll(fd); });
#ifndef WEFT_SCHED_GO_H_
#define WEFT_SCHED_GO_H_

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "absl/time/time.h"
#include "weft/sched/internal/spawn.h"
#include "weft/sched/internal/stack_kind.h"

namespace weft {

struct GoOptions {
  // Shown in dumps and profiles. Must outlive the fiber (a literal does).
  const char* name = nullptr;
  // Address space for the stack, in bytes, rounded up to a power of two; memory is committed as it
  // is touched. 0: the runtime's default (256 KiB). In code compiled with -fsplit-stack stacks grow
  // by themselves, up to SetMaxStack() (runtime.h); this is what they begin with then, 64 KiB by
  // default, and matters only for calls of libraries that were not compiled so and need much.
  size_t stack_bytes = 0;
};

namespace sched_internal {

// For libraries that start fibers with somebody else's functions.
template <typename Fn>
void StartFiber(StackKind kind, const GoOptions& options, Fn&& fn) {
  using Closure = std::decay_t<Fn>;
  static_assert(std::is_invocable_v<Closure&>, "weft::Go needs a callable without arguments");
  if constexpr (requires { fn == nullptr; }) {
    if (fn == nullptr) FatalNilFunction();
  }
  Spawn spawn(kind, options.name, options.stack_bytes, sizeof(Closure), alignof(Closure),
              &RunClosure<Closure>);
  ::new (spawn.closure()) Closure(std::forward<Fn>(fn));
  spawn.Start();
}

}  // namespace sched_internal

inline namespace WEFT_STACK_NAMESPACE {  // which kind of stack: internal/stack_kind.h

// Runs fn() in a new fiber. The caller goes on; the new fiber runs soon.
template <typename Fn>
void Go(const GoOptions& options, Fn&& fn) {
  sched_internal::StartFiber(sched_internal::kStackKind, options, std::forward<Fn>(fn));
}

template <typename Fn>
void Go(Fn&& fn) {
  Go(GoOptions{}, std::forward<Fn>(fn));
}

}  // namespace WEFT_STACK_NAMESPACE

// Lets other runnable fibers go first. From a plain thread: sched_yield().
void Gosched();

// Parks for at least `d` of the monotonic clock; returns at once if d <= 0. An infinite duration
// parks for ever.
void Sleep(absl::Duration d);

// Ends the calling fiber after running the destructors of its frames. Not an error: nothing is
// printed. From the main fiber: the others continue, and when none is left the process ends with
// `no goroutines … deadlock`. Ordinary `catch (...)` blocks on the way must rethrow
// (InGoexit()). From a plain thread: fatal.
[[noreturn]] void Goexit();

// Whether the calling fiber is on its way out by Goexit(): what a `catch (...)` must then rethrow,
// and a destructor may want to know. False during a panic, and on plain threads.
inline bool InGoexit() { return sched_internal::IsGoexitUnwinding(); }

// Sets how many fibers may run at the same time and returns the former setting; n < 1 only asks.
// Takes effect for busy workers at their next scheduling point.
//
// At first it is WEFT_MAXPROCS; without that, the processors in the affinity mask, or fewer if the
// CPU quota of the process's control group is smaller: the quota rounded up, and at least 2. In the
// latter case a running process looks every second whether either has changed, and follows, until
// GOMAXPROCS(n) is called. WEFT_DEBUG=containermaxprocs=0 has it disregard the quota,
// updatemaxprocs=0 not follow.
int GOMAXPROCS(int n);

// Sets GOMAXPROCS as if neither WEFT_MAXPROCS nor a call had set it, and follows changes again.
//
// Go: runtime.SetDefaultGOMAXPROCS.
void SetDefaultGOMAXPROCS();

// The processors that the process may use, by its affinity mask when the runtime started.
int NumCPU();

// Fibers that have been started and have not ended, the calling one included.
int NumFiber();

// Binds the calling fiber to the operating-system thread it is on, until UnlockOSThread() has been
// called as often: the fiber runs on no other thread, and no other fiber on that one. For libraries
// that keep state with the thread (OpenGL, locales, credentials). A fiber that ends while locked
// takes its thread with it. From a plain thread: nothing; it is bound already.
//
// Go: runtime.LockOSThread. Cost: while it is locked, every park and every wake-up of the fiber
// hands a processor from thread to thread, which takes microseconds.
void LockOSThread();

// Undoes one LockOSThread(); without one, nothing.
void UnlockOSThread();

}  // namespace weft

#endif  // WEFT_SCHED_GO_H_
