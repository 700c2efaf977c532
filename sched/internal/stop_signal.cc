#include "weft/sched/internal/stop_signal.h"

#include <signal.h>

#include <cerrno>

#include "weft/sched/internal/scheduler.h"

namespace weft::sched_internal {
namespace {

struct sigaction former;

void CallFormer(int signal, siginfo_t* info, void* context) {
  if ((former.sa_flags & SA_SIGINFO) != 0) {
    if (former.sa_sigaction != nullptr) former.sa_sigaction(signal, info, context);
  } else if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) {
    former.sa_handler(signal);
  }
}

void OnSignal(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  Worker* worker = CurrentWorker();
  // Owner-only: the signal interrupts the worker itself.
  const bool ours = worker != nullptr && worker->current != nullptr &&
                    worker->in_user_code.load(std::memory_order_relaxed) &&
                    worker->processor() == nullptr &&
                    worker->blocking.load(std::memory_order_relaxed) % 2 == 0;
  if (ours) {
    Scheduler::Instance().StopUntilGranted(worker, worker->current);
  } else {
    CallFormer(signal, info, context);
  }
  errno = saved_errno;
}

}  // namespace

void InstallStopHandler() {
  static const bool installed = [] {
    struct sigaction action = {};
    action.sa_sigaction = &OnSignal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&action.sa_mask);
    return sigaction(SIGURG, &action, &former) == 0;
  }();
  (void)installed;
}

}  // namespace weft::sched_internal
