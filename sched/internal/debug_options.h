// What WEFT_DEBUG and WEFT_TRACEBACK ask for.
//
// WEFT_DEBUG is `name=value` pairs with commas between them, names and meanings as in GODEBUG.
// Unknown names are ignored; of a name that comes twice the last counts.
#ifndef WEFT_SCHED_INTERNAL_DEBUG_OPTIONS_H_
#define WEFT_SCHED_INTERNAL_DEBUG_OPTIONS_H_

#include <string_view>

namespace weft::sched_internal {

struct DebugOptions {
  int containermaxprocs = 1;  // 0: the default GOMAXPROCS disregards control groups
  int updatemaxprocs = 1;     // 0: it does not follow later changes
  int schedtrace = 0;         // every so many milliseconds a line about the scheduler, on stderr
  int scheddetail = 0;        // 1: with one for each processor, worker and fiber
  int heldlocks = 0;          // 1: whoever parks and holds a std::mutex is reported
};

DebugOptions ParseDebugOptions(std::string_view text);

// Those of this process, read when first asked.
const DebugOptions& Debug();

// How much a report of death shows besides its message.
struct TracebackOptions {
  bool stacks = true;         // false: no stacks at all
  bool all_at_panic = false;  // every fiber, not only the one that panics
  bool all_at_fatal = true;   // likewise at a fatal error; where no fiber is to blame all are shown
  bool runtime_frames = false;  // also weft's own innermost frames
  bool crash = false;           // ends by SIGABRT, which leaves a core, in place of status 2
};

// none or 0, single, all or 1, system or 2, crash. As GOTRACEBACK, where an unknown word means
// none; but without any word fatal errors show every fiber.
TracebackOptions ParseTracebackOptions(std::string_view text);

// That of this process, read when first asked.
const TracebackOptions& Traceback();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_DEBUG_OPTIONS_H_
