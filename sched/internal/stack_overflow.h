// `fatal error: stack overflow`.
#ifndef WEFT_SCHED_INTERNAL_STACK_OVERFLOW_H_
#define WEFT_SCHED_INTERNAL_STACK_OVERFLOW_H_

#include <cstddef>

namespace weft::sched_internal {

// From now on a fault in the guard page of a fiber's stack is reported as a stack overflow, exit
// status 2. Other faults go to whoever handled them before.
void InstallStackOverflowHandler();

// Reports that the calling fiber's stack would exceed `limit` bytes, and ends the process.
[[noreturn]] void ReportStackOverflow(size_t limit);

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_STACK_OVERFLOW_H_
