#include "weft/sched/main.h"

#include <limits>

#include "absl/debugging/symbolize.h"
#include "weft/sched/internal/futex.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/terminate.h"

namespace weft::sched_internal {
namespace {

Futex main_finished;

}  // namespace

void PrepareMain(int argc, char** argv) {
  if (argc > 0) absl::InitializeSymbolizer(argv[0]);
  InstallQuitHandler();
  Scheduler::Instance().EnableDeadlockReport();
  // The calling thread will only wait: to the deadlock report it is asleep.
  Scheduler::Instance().CountParkedThread(+1);
}

void FinishMain() {
  // From here on the main thread is awake, or will be.
  Scheduler::Instance().CountParkedThread(-1);
  race::Release(&main_finished);
  main_finished.Set();
}

void WaitForMain() {
  main_finished.Wait(std::numeric_limits<int64_t>::max());
  race::Acquire(&main_finished);
  if (Dying()) WaitForDeath();  // a fiber is printing its panic
  Scheduler::Instance().Freeze();
}

}  // namespace weft::sched_internal
