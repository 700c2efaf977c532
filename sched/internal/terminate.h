// The end of the process by a panic or a fatal error.
#ifndef WEFT_SCHED_INTERNAL_TERMINATE_H_
#define WEFT_SCHED_INTERNAL_TERMINATE_H_

namespace weft::sched_internal {

// Has an exception that nobody catches in a fiber reported as Go reports a panic, exit status 2.
// Exceptions of plain threads go to the handler that was installed before.
void InstallTerminateHandler();

// Whether some fiber or thread is printing its last words: the process must not end before them.
bool Dying();

// The first caller goes on to report, and ends the process; all others wait for that.
void BeginDeath();

// Ends the process as WEFT_TRACEBACK asks: with status 2, or by SIGABRT. Async-signal-safe.
[[noreturn]] void EndProcess();

// From now on SIGQUIT dumps all fibers and ends the process, unless the program has said what it
// wants. Sysmon does the work, when QuitAsked(): a handler could have interrupted malloc.
void InstallQuitHandler();
bool QuitAsked();
[[noreturn]] void Quit();

// In the child of a fork(): whoever was about to report is not there.
void ForgetDeath();

// Sleeps for ever.
[[noreturn]] void WaitForDeath();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_TERMINATE_H_
