#include "weft/sync/internal/spin.h"

#include "weft/sched/go.h"
#include "weft/sched/park.h"

namespace weft::sync_internal {

// A fiber does not spin: to park costs it no more than a few turns, its processor has other fibers to run, and the
// holder will ready it on the processor where the protected data are warm.
bool MaySpin() {
  static const bool several_processors = NumCPU() > 1;
  return several_processors && !InFiber();
}

}  // namespace weft::sync_internal
