// synctest.h: tests of concurrent code with a clock of their own.
//
// Test() runs fn() and all fibers that it starts in a bubble, whose clock starts at 2000-01-01
// 00:00:00 UTC and advances at once to the next timer when all fibers of the bubble are durably
// blocked: waiting for something that only the bubble itself can bring about. These are: sending to
// and receiving from channels that were made in the bubble, a select of such cases only, operations
// on nil channels, Cond::Wait, WaitGroup::Wait if the WaitGroup was counted up in the bubble,
// Sleep. Not durable are locks, once, semaphores, barriers, I/O, and channels and WaitGroups from
// outside: while a fiber waits for one of them the clock stands still.
//
// Go: testing/synctest of Go 1.27. Differences: the fibers of a bubble share one thread, in an
//   order that is always the same unless WEFT_SEED says otherwise; a WaitGroup that is a global can
//   be a bubble's, too; a bubble that waits for the outside for ten seconds fails.
//
// Thread safety: bubbles on different threads do not know of each other.
// Blocks: Test(): the thread, until all fibers of the bubble have ended. Wait() and Sleep(): the
//   fiber.
// Ordering: for the race detector what a fiber did before it parked or ended, and what a timer's
//   callback did, comes before the return of a later Wait() and of Test(). Time orders nothing.
// Misuse: Test() in a bubble is fatal, Wait() outside of one panics, and so does a second Wait()
//   while one waits. Channels and timers of the bubble that are used from outside are fatal:
//   `send on synctest channel from outside bubble`. So are Add() and Done() of its WaitGroups from
//   outside, and waking who waits for a Cond in it.
// Cost: a few microseconds a bubble.
//
//   weft::synctest::Test([] {
//     auto [ctx, cancel] = weft::WithTimeout(weft::Background(), absl::Seconds(5));
//     weft::synctest::Sleep(absl::Seconds(5));
//     EXPECT_FALSE(ctx.Err().ok());
//   });
#ifndef WEFT_SCHED_TESTING_SYNCTEST_H_
#define WEFT_SCHED_TESTING_SYNCTEST_H_

#include <functional>
#include <string>

#include "absl/time/time.h"

namespace weft::synctest {

// Runs fn() in a bubble. A panic, a fatal error and a deadlock fail the calling GoogleTest test.
void Test(const std::function<void()>& fn);

// The same, and returns what went wrong in one line; empty: nothing.
std::string Run(const std::function<void()>& fn, std::string* report = nullptr);

// Waits until all other fibers of the bubble are durably blocked.
void Wait();

// weft::Sleep(d), then Wait(): when it returns, whoever slept as long has done what it woke up for.
void Sleep(absl::Duration d);

}  // namespace weft::synctest

#endif  // WEFT_SCHED_TESTING_SYNCTEST_H_
