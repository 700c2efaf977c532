// Programs for the explorer, as those of handoff_programs.h: a thread leaves its processor of itself,
// as its fiber is locked to it, and waits or ends; and the last who is awake falls asleep.
//
// Included by tests only: by handoff_ends_model_test.cc with the real headers, and by
// handoff_mutants_test.cc with copies that have bugs.
#ifndef WEFT_SCHED_INTERNAL_HANDOFF_ENDS_PROGRAMS_H_
#define WEFT_SCHED_INTERNAL_HANDOFF_ENDS_PROGRAMS_H_

#include "weft/sched/internal/handoff_programs.h"

namespace weft::sched_internal::handoff_model {

// The fiber that waits is locked to its thread; the one in the slot is for another worker, who, or
// whoever is free, brings the first its processor. Then thread and fiber end.
inline ProgramFn LockedFiberWaits(bool waiting) {
  return Of(
      {.fibers = waiting ? 2 : 1, .waiting = waiting, .locked = true},
      [](Model& m, Worker* worker) { m.Park(worker); }, TakeOnce,
      [](Model& m) { m.SubmitGlobal(0); });
}

// As above, and the fiber does not wait: it comes to a safe point.
inline ProgramFn LockedHogComesToASafePoint() {
  return Of(
      {.fibers = 2, .waiting = true, .locked = true, .reports_sleep = true},
      [](Model& m, Worker* worker) { m.GoOn(worker); }, TakeOnce);
}

// A thread ends with its fiber while somebody takes its processor, or asks it to leave.
inline ProgramFn ThreadEndsWithItsFiber(bool sleeper) {
  return Of(
      {.fibers = 2,
       .sleeper = sleeper,
       .spare = !sleeper,
       .waiting = true,
       .locked = true,
       .reports_sleep = true},
      [](Model& m, Worker* worker) { m.EndWithThread(worker); }, TakeOnce);
}
inline ProgramFn ThreadEndsWhileGomaxprocsGoesDown() {
  return Of(
      {.processors = 2, .fibers = 2, .spare = true, .waiting = true, .locked = true},
      [](Model& m, Worker* worker) { m.EndWithThread(worker); }, [](Model& m) { m.LowerToOne(); });
}

// Nothing is left that could happen: whoever is the last awake finds that out, also if that is who
// has taken a processor.
inline ProgramFn AllFallAsleep(bool locked) {
  return Of(
      {.locked = locked, .sleeps = true}, [](Model& m, Worker* worker) { m.Park(worker); },
      TakeOnce);
}
inline ProgramFn AllFallAsleepWhenAThreadEnds() {
  return Of(
      {.fibers = 2, .locked = true, .sleeps = true},
      [](Model& m, Worker* worker) { m.EndWithThread(worker); }, TakeOnce);
}

}  // namespace weft::sched_internal::handoff_model

#endif  // WEFT_SCHED_INTERNAL_HANDOFF_ENDS_PROGRAMS_H_
