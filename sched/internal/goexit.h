// What Goexit() throws.
#ifndef WEFT_SCHED_INTERNAL_GOEXIT_H_
#define WEFT_SCHED_INTERNAL_GOEXIT_H_

namespace weft::sched_internal {

// Caught by weft_fiber_main() alone. Derives from nothing, so that only `catch (...)` can meet it.
struct GoexitUnwind {};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_GOEXIT_H_
