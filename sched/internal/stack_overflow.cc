// A stack may overflow anywhere, inside of malloc too: nothing here allocates, or takes a lock.
#include "weft/sched/internal/stack_overflow.h"

#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "weft/sched/internal/debug_options.h"
#include "weft/sched/internal/segments.h"
#include "weft/sched/internal/source_line.h"
#include "weft/sched/internal/stack_arena.h"
#include "weft/sched/internal/terminate.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/internal/worker.h"

namespace weft::sched_internal {
namespace {

// A recursion looks the same after a few rounds.
constexpr int kFramesShown = 24;

struct sigaction former_action;

void WriteText(const char* text) {
  size_t left = std::strlen(text);
  while (left != 0) {
    const ssize_t n = write(STDERR_FILENO, text, left);
    if (n <= 0) return;
    text += n;
    left -= static_cast<size_t>(n);
  }
}

__attribute__((format(printf, 1, 2))) void Print(const char* format, ...) {
  char line[640];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  WriteText(line);
}

// The name is out before its place is looked for.
void PrintPlace(const SourceLines& lines, int i, void* pc) {
  char text[512];
  FormatPlace(lines, i, pc, text, sizeof text);
  WriteText(text);
}

// Without frames for inlined calls, of which only mangled names are known; the line is that of the
// outermost, in the function that is named.
void PrintFrame(uintptr_t pc, bool is_return_address) {
  auto* const return_address = reinterpret_cast<void*>(pc + (is_return_address ? 0 : 1));
  char name[512] = "?";
  FunctionOf(return_address, name, sizeof name);
  Print("%s\n", name);
  const SourceLines lines(return_address);
  PrintPlace(lines, lines.size() - 1, reinterpret_cast<void*>(pc));
}

void PrintCreator(const Fiber& fiber) {
  char name[512] = "?";
  void* pc = nullptr;
  for (void* candidate : fiber.creator_pcs) {
    if (candidate == nullptr) break;
    pc = candidate;
    FunctionOf(pc, name, sizeof name);
    // The first frame may be weft::Go() itself; then the second is the code that called it.
    if (!IsGoTemplate(name)) break;
  }
  if (pc == nullptr) return;
  if (fiber.creator_id != 0) {
    Print("created by %s in fiber %lu\n", name, static_cast<unsigned long>(fiber.creator_id));
  } else {
    Print("created by %s in a plain thread\n", name);
  }
  const SourceLines lines(pc);
  PrintPlace(lines, lines.size() - 1, pc);
}

// Frame `frame` and those above it.
__attribute__((no_sanitize("address", "thread"))) void PrintCallers(const Fiber& fiber,
                                                                    uintptr_t frame) {
  StackBounds bounds;
  for (int i = 0; FindBounds(fiber.stack, frame, &bounds) && frame % sizeof(void*) == 0; ++i) {
    if (i == kFramesShown) {
      WriteText("...additional frames elided...\n");
      return;
    }
    const auto* words = reinterpret_cast<const uintptr_t*>(frame);
    if (words[1] == 0) return;
    PrintFrame(words[1], /*is_return_address=*/true);
    // Callers are above, or in an earlier segment.
    if (words[0] <= frame && words[0] >= bounds.low) return;
    frame = words[0];
  }
}

void PrintOther(const Fiber& fiber) {
  // Relaxed: statistics.
  const FiberStatus status = fiber.status.load(std::memory_order_relaxed);
  std::string_view text = status == FiberStatus::kRunning ? "running" : "runnable";
  if (status == FiberStatus::kWaiting) {
    text = WaitReasonText(fiber.wait_reason.load(std::memory_order_relaxed));
  }
  Print("\nfiber %lu [%.*s%s%s]:\n", static_cast<unsigned long>(fiber.id),
        static_cast<int>(text.size()), text.data(), fiber.name != nullptr ? ", name " : "",
        fiber.name != nullptr ? fiber.name : "");
  if (status == FiberStatus::kRunning) {
    WriteText("\trunning on another thread; stack unavailable\n");
  } else {
    void* pcs[kFramesShown];
    const int count = CaptureParked(fiber, pcs, kFramesShown);
    for (int i = 0; i < count; ++i) {
      PrintFrame(reinterpret_cast<uintptr_t>(pcs[i]), /*is_return_address=*/true);
    }
  }
  PrintCreator(fiber);
}

// `pc` 0: `frame` is that of the function that tells.
[[noreturn]] void Report(const Fiber& fiber, size_t limit, uintptr_t pc, uintptr_t frame) {
  BeginDeath();
  // What is called from here has the reserve of the stack, and must not ask for more.
  SetGuardWord(nullptr);
  Print("weft: the stack of fiber %lu exceeds its limit of %zu bytes\n",
        static_cast<unsigned long>(fiber.id), limit);
  WriteText("fatal error: stack overflow\n");
  if (!Traceback().stacks) EndProcess();
  if (fiber.name != nullptr) {
    Print("\nfiber %lu [running, name %s]:\n", static_cast<unsigned long>(fiber.id), fiber.name);
  } else {
    Print("\nfiber %lu [running]:\n", static_cast<unsigned long>(fiber.id));
  }
  if (pc != 0) PrintFrame(pc, /*is_return_address=*/false);
  PrintCallers(fiber, frame);
  PrintCreator(fiber);
  if (Traceback().all_at_fatal) {
    const SanitizerIgnoreReads ignore;
    StackArena::Instance().ForEachLive([&fiber](const Fiber* other) {
      if (other != &fiber) PrintOther(*other);
    });
  }
  EndProcess();
}

void ChainFault(int number, siginfo_t* info, void* context) {
  if ((former_action.sa_flags & SA_SIGINFO) != 0 && former_action.sa_sigaction != nullptr) {
    former_action.sa_sigaction(number, info, context);
    return;
  }
  if (former_action.sa_handler != SIG_DFL && former_action.sa_handler != SIG_IGN) {
    former_action.sa_handler(number);
    return;
  }
  // The instruction faults again, and then the system's default is done.
  signal(number, SIG_DFL);
  if (info->si_code <= 0) raise(number);  // sent by somebody: there is no such instruction
}

void OnFault(int number, siginfo_t* info, void* context) {
  const Fiber* fiber = CurrentFiber();
  if (fiber == nullptr || info->si_code <= 0 ||
      StackArena::Instance().FiberOfGuard(info->si_addr) == nullptr) {
    ChainFault(number, info, context);
    return;
  }
  const mcontext_t& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  const auto pc = static_cast<uintptr_t>(machine.gregs[REG_RIP]);
  const auto frame = static_cast<uintptr_t>(machine.gregs[REG_RBP]);
#else
  const auto pc = static_cast<uintptr_t>(machine.pc);
  const auto frame = static_cast<uintptr_t>(machine.regs[29]);
#endif
  // In a segmented stack, the limit is that of the code which does not ask for more.
  const size_t limit =
      fiber->stack.segmented() ? StackSegment::kReserveBytes : fiber->stack_bytes();
  Report(*fiber, limit, pc, frame);
}

}  // namespace

void InstallStackOverflowHandler() {
  static const bool installed = [] {
    struct sigaction action = {};
    action.sa_sigaction = &OnFault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    return sigaction(SIGSEGV, &action, &former_action) == 0;
  }();
  (void)installed;
}

void ReportStackOverflow(size_t limit) {
  Report(*CurrentFiber(), limit, 0, reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
}

}  // namespace weft::sched_internal
