// Go's `all goroutines are asleep - deadlock!`, without false alarms.
#include <dirent.h>

#include "weft/sched/internal/scheduler.h"
#include "weft/sched/panic.h"

namespace weft::sched_internal {
namespace {

// Threads of the process; 0 if that cannot be learnt.
int CountThreads() {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return 0;
  int count = 0;
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(tasks);
  return count;
}

// ThreadSanitizer runs one thread of its own.
constexpr int kSanitizerThreads = kTsan ? 1 : 0;

int KnownThreads(const Scheduler& scheduler) {
  return scheduler.runtime_threads() + scheduler.parked_threads() + kSanitizerThreads;
}

}  // namespace

void CheckDeadlock(const Scheduler& scheduler) {
  // A thread that is neither the runtime's nor asleep in Park() may still send, ready or start
  // something.
  const int threads = CountThreads();
  if (threads == 0 || threads > KnownThreads(scheduler)) return;
  // Somebody may have been awake while we counted, and have readied a parked thread since.
  if (!scheduler.Asleep() || threads > KnownThreads(scheduler)) return;
  if (scheduler.LiveFibers() == 0) Fatal("no fibers (main called Goexit) - deadlock!");
  Fatal("all fibers are asleep - deadlock!");
}

}  // namespace weft::sched_internal
