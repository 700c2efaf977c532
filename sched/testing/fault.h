// fault.h: faults that a simulation injects, named where they can happen.
//
// Go: none.
//
// Thread safety: yes. Blocks: nothing.
// Cost: outside of a simulation one load.
//
//   if (weft::sim::Fault()) return absl::UnavailableError("disk");
#ifndef WEFT_SCHED_TESTING_FAULT_H_
#define WEFT_SCHED_TESTING_FAULT_H_

#include "weft/sched/internal/sim_hooks.h"

namespace weft::sim {

// Whether the fault is to happen here and now: by Options::faults under simulation, never outside
// of it. May stand in code that ships.
inline bool Fault() {
  sched_internal::SimHooks* world = sched_internal::Sim();
  return world != nullptr && world->Fault();
}

}  // namespace weft::sim

#endif  // WEFT_SCHED_TESTING_FAULT_H_
