#include "weft/sched/internal/terminate.h"

#include <cxxabi.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <string>
#include <typeinfo>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "weft/sched/internal/debug_options.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/internal/source_line.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/panic.h"

namespace weft::sched_internal {
namespace {

constexpr int kExitStatus = 2;

std::atomic<bool> dying{false};
std::atomic<bool> quit_asked{false};
std::terminate_handler former_handler = nullptr;

std::string TypeName(const std::type_info& type) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string name = status == 0 ? demangled : type.name();
  std::free(demangled);
  return name;
}

// What is being thrown, in words.
std::string DescribeException() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "std::terminate called without an exception";
  try {
    throw;
  } catch (const PanicError& e) {
    return e.what();
  } catch (const std::exception& e) {
    return absl::StrCat(TypeName(*type), ": ", e.what());
  } catch (...) {
    return absl::StrCat("exception of type ", TypeName(*type));
  }
}

void OnTerminate() {
  Worker* worker = CurrentWorker();
  if (worker == nullptr || worker->current == nullptr) {
    if (former_handler != nullptr) former_handler();
    std::abort();
  }
  if (worker->sim != nullptr) worker->sim->Die(SimDeath::kPanic, DescribeException());
  BeginDeath();
  // As Go since 1.23: later lines of the message are indented.
  std::string text =
      absl::StrCat("panic: ", absl::StrReplaceAll(DescribeException(), {{"\n", "\n\t"}}), "\n");
  WriteError(text);
  WriteTraceback(Traceback().all_at_panic);
  EndProcess();
}

void OnQuit(int) {
  const int saved_errno = errno;
  // ORDER(quit): seq_cst; pairs with the load in QuitAsked(): either sysmon, on its way to sleep,
  // sees this, or we see that it sleeps.
  quit_asked.store(true, std::memory_order_seq_cst);
  Scheduler::Instance().sysmon().WakeForSignal();
  errno = saved_errno;
}

}  // namespace

void BeginDeath() {
  // ORDER(death): acq_rel; alone decides who reports.
  if (dying.exchange(true, std::memory_order_acq_rel)) WaitForDeath();
  // A report without lines is worth more than none.
  SurviveFaultsOfReader();
}

void EndProcess() {
  race::BeginExit();
  if (Traceback().crash) {
    signal(SIGABRT, SIG_DFL);
    sigset_t abort_only;
    sigemptyset(&abort_only);
    sigaddset(&abort_only, SIGABRT);
    pthread_sigmask(SIG_UNBLOCK, &abort_only, nullptr);
    raise(SIGABRT);
  }
  _exit(kExitStatus);
}

// Relaxed: there is no other thread.
void ForgetDeath() { dying.store(false, std::memory_order_relaxed); }

void InstallQuitHandler() {
  struct sigaction former;
  if (sigaction(SIGQUIT, nullptr, &former) != 0) return;
  if ((former.sa_flags & SA_SIGINFO) != 0 || former.sa_handler != SIG_DFL) return;
  struct sigaction action = {};
  action.sa_handler = &OnQuit;
  // A second one, should the first have no effect, does what it does everywhere.
  action.sa_flags = SA_RESTART | SA_ONSTACK | static_cast<int>(SA_RESETHAND);
  sigaction(SIGQUIT, &action, nullptr);
}

// ORDER(quit): seq_cst; pairs with the store in OnQuit().
bool QuitAsked() { return quit_asked.load(std::memory_order_seq_cst); }

void Quit() {
  BeginDeath();
  // Fewer fibers change their state while they are listed.
  Scheduler::Instance().Freeze();
  WriteError("SIGQUIT: quit\n\n");
  DumpAllFibers();
  EndProcess();
}

void InstallTerminateHandler() {
  static const bool installed = [] {
    former_handler = std::set_terminate(&OnTerminate);
    return true;
  }();
  (void)installed;
}

// Relaxed: the reporter ends the process by itself; others only must not overtake it.
bool Dying() { return dying.load(std::memory_order_relaxed); }

void WaitForDeath() {
  for (;;) pause();
}

}  // namespace weft::sched_internal

namespace weft {

void Fatal(std::string_view message) {
  if (sched_internal::SimHooks* sim = sched_internal::Sim()) {
    sim->Die(sched_internal::SimDeath::kFatal, message);
  }
  sched_internal::BeginDeath();
  sched_internal::WriteError("fatal error: " + std::string(message) + "\n");
  sched_internal::WriteTraceback(sched_internal::Traceback().all_at_fatal);
  sched_internal::EndProcess();
}

}  // namespace weft
