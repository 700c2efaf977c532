#include "weft/sched/internal/process_barrier.h"

#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "weft/sched/panic.h"

namespace weft::sched_internal {
namespace {

std::atomic<bool> has_membarrier{false};

// Where membarrier(2) is missing or forbidden: taking a right away from a page that is in use makes
// the kernel interrupt every processor that runs a thread of the process.
void BarrierByProtection() {
  static std::mutex* mutex = new std::mutex;
  static volatile char* page = [] {
    void* mapped = mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) Fatal("out of memory for a page");
    return static_cast<volatile char*>(mapped);
  }();
  std::lock_guard<std::mutex> hold(*mutex);
  void* address = const_cast<char*>(page);
  mprotect(address, 1, PROT_READ | PROT_WRITE);
  *page = 1;
  mprotect(address, 1, PROT_READ);
}

}  // namespace

void RegisterProcessBarrier() {
  const bool registered =
      syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  has_membarrier.store(registered, std::memory_order_relaxed);  // published by starting the runtime
}

void ProcessBarrier() {
  if (has_membarrier.load(std::memory_order_relaxed) &&  // written at start
      syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0) {
    return;
  }
  BarrierByProtection();
}

}  // namespace weft::sched_internal
