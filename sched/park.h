// park.h: to stop the caller until somebody readies it, be it a fiber or a plain thread.
//
// Everything in weft that blocks is built on these three functions. A primitive publishes
// CurrentParkable() in its own wait queue, releases its own lock, and calls Park(). Whoever takes
// the waiter out of the queue calls Ready() on it, exactly once. Ready() may come before Park(): it
// is then remembered, and Park() returns at once.
//
// Go: gopark and goready, without the unlock callback: the remembered Ready() makes it unnecessary.
//
// Thread safety: CurrentParkable() and Park() act on the caller; Ready() may be called from
//   anywhere that a fiber, a plain thread or a timer callback runs, also while holding a SpinLock
//   (but waking after unlock is faster).
// Blocks: Park(): the fiber, or the thread when the caller is not a fiber. Ready(): nothing.
// Ordering: Ready(p) synchronizes with the return from the Park() that it ends.
// Lifetime: a Parkable is valid until the Park() that its publication announced has returned. After
//   Ready(p) the caller must not touch p, nor anything that lives in the parked caller's frame.
// Misuse: a Ready() too many would end an unrelated Park(): it is fatal where it can be seen (a
//   second Ready() before the first was consumed).
// Cost: Park() with nobody else runnable enters the scheduler; Park()+Ready() between two fibers on
//   one worker costs about 20 ns and allocates nothing. A plain thread sleeps in a futex.
#ifndef WEFT_SCHED_PARK_H_
#define WEFT_SCHED_PARK_H_

#include <cstdint>
#include <string_view>

namespace weft {

// Why a fiber waits, in Go's words. Reasons are unique and descriptive: they are what a dump shows.
enum class WaitReason : uint8_t {
  kNone,
  kChanReceiveNil,
  kChanSendNil,
  kChanReceive,
  kChanSend,
  kSelect,
  kSelectNoCases,
  kSleep,
  kSemacquire,
  kSyncCondWait,
  kSyncMutexLock,
  kSyncRWMutexRLock,
  kSyncRWMutexLock,
  kSyncWaitGroupWait,
  kSyncOnceDo,
  kSyncBarrierArrive,
  kSyncEventWait,
  kSyncLatchWait,
  kSyncMonitorWait,
  kIoWait,
  kPanicWait,
  kForever,
  kSynctestWait,
};

// "chan receive", "select (no cases)", … The text is static.
std::string_view WaitReasonText(WaitReason reason);

// A fiber or a plain thread, as something that can wait. Opaque.
class Parkable;

// The caller. Never null; the same value for the whole life of a fiber or thread.
Parkable* CurrentParkable();

// Whether the caller is a fiber.
bool InFiber();

// Returns after exactly one Ready() on the caller.
void Park(WaitReason reason);

// Ends the current or next Park() of `parkable`. A fiber that is readied by a fiber runs soon, on
// the same worker, and inherits the rest of its time slice; nobody is woken for it.
void Ready(Parkable* parkable);

// As Ready(), but queues the fiber behind those that are runnable already and may wake an idle
// worker for it: for wakers that go on running, and for waking many.
void ReadyLast(Parkable* parkable);

}  // namespace weft

#endif  // WEFT_SCHED_PARK_H_
