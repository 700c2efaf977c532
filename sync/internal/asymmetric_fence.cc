#include "weft/sync/internal/asymmetric_fence.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "weft/sched/panic.h"

namespace weft::sync_internal {
namespace {

bool Membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

}  // namespace

// Registers the process, too: the system then knows which processors to interrupt.
bool HasHeavyFence() {
  static const bool registered = Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return registered;
}

void HeavyFence() {
  if (!Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) Fatal("membarrier failed");
}

}  // namespace weft::sync_internal
