#include "weft/sched/internal/traceback.h"

#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

#include "absl/debugging/symbolize.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "weft/sched/internal/context_switch.h"
#include "weft/sched/internal/debug_options.h"
#include "weft/sched/internal/fiber_values.h"
#include "weft/sched/internal/function_name.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/internal/segments.h"
#include "weft/sched/internal/source_line.h"
#include "weft/sched/internal/stack_arena.h"

namespace weft::sched_internal {
namespace {

constexpr int kMaxFrames = 64;

// Follows frame pointers from `frame` while they stay inside the stack and grow, or lead to an
// earlier segment. Not instrumented: it reads frames of running functions as plain words.
__attribute__((no_sanitize("address", "thread"))) int Walk(const FiberStack& stack, uintptr_t frame,
                                                           void** pcs, int max_frames) {
  int count = 0;
  StackBounds bounds;
  while (count < max_frames && FindBounds(stack, frame, &bounds) &&
         frame + 2 * sizeof(void*) <= bounds.high && frame % sizeof(void*) == 0) {
    void* const* words = reinterpret_cast<void* const*>(frame);
    if (words[1] == nullptr) break;
    pcs[count++] = words[1];
    const auto next = reinterpret_cast<uintptr_t>(words[0]);
    if (next <= frame && next >= bounds.low) break;
    frame = next;
  }
  return count;
}

struct UnwindState {
  void** pcs;
  int max_frames;
  int count;
};

_Unwind_Reason_Code OnFrame(_Unwind_Context* context, void* argument) {
  auto* state = static_cast<UnwindState*>(argument);
  if (state->count == state->max_frames) return _URC_END_OF_STACK;
  state->pcs[state->count++] = reinterpret_cast<void*>(_Unwind_GetIP(context));
  return _URC_NO_REASON;
}

struct HolderState {
  uintptr_t pointer;
  uintptr_t slot;
  uintptr_t low;  // of the frame that was passed last, and where it is
  void* pc;
  void* around;
  void* in_register;
};

// The numbers that DWARF gives to registers which a call preserves, but for the frame pointer.
#if defined(__x86_64__)
constexpr int kPreserved[] = {3, 12, 13, 14, 15};
#else
constexpr int kPreserved[] = {19, 20, 21, 22, 23, 24, 25, 26, 27, 28};
#endif

_Unwind_Reason_Code OnPossibleHolder(_Unwind_Context* context, void* argument) {
  auto* state = static_cast<HolderState*>(argument);
  // The stack pointer in this frame, which is where the frame that it called ends.
  const uintptr_t low = _Unwind_GetCFA(context);
  if (state->low <= state->slot && state->slot < low) state->around = state->pc;
  state->low = low;
  state->pc = reinterpret_cast<void*>(_Unwind_GetIP(context));
  if (low <= state->slot) return _URC_NO_REASON;
  for (const int i : kPreserved) {
    if (_Unwind_GetGR(context, i) == state->pointer) state->in_register = state->pc;
  }
  return _URC_NO_REASON;
}

// How many of the innermost frames belong to the reporting and not to the story: everything up to
// __cxa_throw, the constructor of PanicError, or what looked for locks.
int FramesToHide(void* const* pcs, int count) {
  int hide = 0;
  for (int i = 0; i < std::min(count, 12); ++i) {
    char name[256];
    if (!FunctionOf(pcs[i], name, sizeof name)) continue;
    const std::string_view text(name);
    if (text.find("__cxa_throw") != text.npos || text.find("CaptureStack") != text.npos ||
        text.find("PanicError::PanicError") != text.npos || text == "weft::Panic()" ||
        text.find("OnTerminate") != text.npos || text.find("AppendFiber") != text.npos ||
        text.find("ReportHeldLocks") != text.npos) {
      hide = i + 1;
    }
  }
  return hide < count ? hide : 0;
}

std::string StatusText(const Fiber& fiber) {
  // Relaxed: statistics.
  switch (fiber.status.load(std::memory_order_relaxed)) {
    case FiberStatus::kRunning:
      return "running";
    case FiberStatus::kRunnable:
      return "runnable";
    case FiberStatus::kDead:
      return "dead";
    case FiberStatus::kWaiting:
      break;
  }
  std::string text(WaitReasonText(fiber.wait_reason.load(std::memory_order_relaxed)));
  const int64_t since = fiber.since.load(std::memory_order_relaxed);
  const int64_t minutes = (MonotonicNanos() - since) / 60'000'000'000;
  if (since != 0 && minutes >= 1) absl::StrAppendFormat(&text, ", %d minutes", minutes);
  return text;
}

// As Go 1.27: ` {key: value, other: "with a blank"}`.
void AppendLabels(std::string* out, const LabelSet& set) {
  const auto append = [out](const std::string& text) {
    const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
      return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.' || c == '/';
    });
    if (plain) {
      *out += text;
    } else {
      absl::StrAppendFormat(out, "\"%s\"", absl::CHexEscape(text));
    }
  };
  const char* before = " {";
  for (const auto& label : set.labels) {
    *out += before;
    append(label.first);
    *out += ": ";
    append(label.second);
    before = ", ";
  }
  if (!set.labels.empty()) *out += '}';
}

void AppendPlace(std::string* out, const SourceLines& lines, int i, void* pc) {
  char text[512];
  FormatPlace(lines, i, pc, text, sizeof text);
  *out += text;
}

void AppendCreator(std::string* out, const Fiber& fiber) {
  if (fiber.creator_pcs[0] == nullptr) return;
  const std::string origin = fiber.creator_id != 0
                                 ? absl::StrFormat("in fiber %d", fiber.creator_id)
                                 : "in a plain thread";
  // The first address may be in the Go() template itself; then the second is in the code that
  // called it.
  for (int k = 0; k < 2; ++k) {
    void* pc = fiber.creator_pcs[k];
    const bool is_last = k == 1 || fiber.creator_pcs[1] == nullptr;
    char name[512] = "?";
    const bool named = FunctionOf(pc, name, sizeof name);
    const SourceLines lines(pc);
    int i = 0;
    while (i < lines.size() && IsInGo(lines, i)) ++i;
    const bool is_template = lines.size() > 0 ? i == lines.size() : named && IsGoTemplate(name);
    if (is_template && !is_last) continue;
    const std::string inlined =
        i + 1 < lines.size() ? ShortFunctionName(lines[i].function) + "()" : "";
    absl::StrAppendFormat(out, "created by %s %s\n", inlined.empty() ? name : inlined, origin);
    AppendPlace(out, lines, i, pc);
    return;
  }
}

// What stands between a user's function and the one that it was passed to.
bool IsLibrarysOwn(std::string_view name) {
  return name.starts_with("std::_") || name.starts_with("__gnu_cxx::");
}

void AppendFrame(std::string* out, void* pc) {
  const SourceLines lines(pc);
  const int last = lines.size() - 1;
  for (int i = 0; i < last; ++i) {
    const std::string name = ShortFunctionName(lines[i].function);
    if (IsLibrarysOwn(name) && !Traceback().runtime_frames) continue;
    absl::StrAppendFormat(out, "%s(...)\n", name);
    AppendPlace(out, lines, i, pc);
  }
  char name[512] = "?";
  FunctionOf(pc, name, sizeof name);
  absl::StrAppendFormat(out, "%s\n", name);
  AppendPlace(out, lines, last, pc);
}

}  // namespace

int CaptureStack(void** pcs, int max_frames) {
  UnwindState state = {pcs, max_frames, 0};
  _Unwind_Backtrace(&OnFrame, &state);
  // weft_fiber_start has no caller; some unwinders report the zero.
  while (state.count > 0 && pcs[state.count - 1] == nullptr) --state.count;
  return state.count;
}

void* FindHolder(uintptr_t pointer, uintptr_t slot) {
  HolderState state = {pointer, slot, ~uintptr_t{0}, nullptr, nullptr, nullptr};
  _Unwind_Backtrace(&OnPossibleHolder, &state);
  return state.in_register != nullptr ? state.in_register : state.around;
}

__attribute__((no_sanitize("address", "thread"))) int CaptureParked(const Fiber& fiber, void** pcs,
                                                                    int max_frames) {
  const auto sp =
      reinterpret_cast<uintptr_t>(fiber.sp.load(std::memory_order_relaxed));  // statistic
  StackBounds bounds;
  if (max_frames < 1 || !FindBounds(fiber.stack, sp, &bounds) ||
      sp + sizeof(SavedContext) > bounds.high) {
    return 0;
  }
  const auto* context = reinterpret_cast<const SavedContext*>(sp);
  pcs[0] = reinterpret_cast<void*>(context->pc());
  return 1 + Walk(fiber.stack, context->frame_pointer(), pcs + 1, max_frames - 1);
}

bool FunctionOf(void* return_address, char* name, size_t bytes) {
  const race::Ignore ignore;  // Debian's absl is not instrumented
  // It may be the first address of the next function.
  return absl::Symbolize(static_cast<char*>(return_address) - 1, name, static_cast<int>(bytes));
}

void FormatPlace(const SourceLines& lines, int i, void* return_address, char* text, size_t bytes) {
  const auto pc = reinterpret_cast<uintptr_t>(return_address);
  if (i < 0 || i >= lines.size()) {
    std::snprintf(text, bytes, "\t%p\n", return_address);
  } else if (i + 1 == lines.size() && lines.function_start() != 0) {
    std::snprintf(text, bytes, "\t%s:%d +0x%zx\n", lines[i].file, lines[i].line,
                  static_cast<size_t>(pc - lines.function_start()));
  } else {
    std::snprintf(text, bytes, "\t%s:%d\n", lines[i].file, lines[i].line);
  }
}

bool IsGoTemplate(std::string_view name) {
  return name.find("_stacks::Go") != name.npos || name.find("::StartFiber") != name.npos;
}

bool IsInGo(const SourceLines& lines, int i) {
  const std::string_view file(lines[i].file);
  return file.ends_with("weft/sched/go.h") || file.ends_with("weft/sched/main.h");
}

void AppendFrames(std::string* out, void* const* pcs, int count) {
  for (int i = 0; i < count; ++i) AppendFrame(out, pcs[i]);
}

void AppendFiber(std::string* out, const Fiber& fiber) {
  absl::StrAppendFormat(out, "fiber %d [%s", fiber.id, StatusText(fiber));
  if (fiber.name != nullptr) absl::StrAppendFormat(out, ", name %s", fiber.name);
  *out += ']';
  // Those of others may go away while they are read.
  if (&fiber == CurrentFiber() && fiber.labels != nullptr) AppendLabels(out, *fiber.labels);
  *out += ":\n";
  void* pcs[kMaxFrames];
  if (&fiber == CurrentFiber()) {
    const int count = CaptureStack(pcs, kMaxFrames);
    const int hidden = Traceback().runtime_frames ? 0 : FramesToHide(pcs, count);
    AppendFrames(out, pcs + hidden, count - hidden);
  } else if (fiber.status.load(std::memory_order_relaxed) != FiberStatus::kRunning) {  // statistic
    AppendFrames(out, pcs, CaptureParked(fiber, pcs, kMaxFrames));
  } else {
    *out += "\trunning on another thread; stack unavailable\n";
  }
  AppendCreator(out, fiber);
  *out += '\n';
}

void DumpAllFibers() {
  const SanitizerIgnoreReads ignore;
  Fiber* self = CurrentFiber();
  std::vector<Fiber*> others;
  StackArena::Instance().ForEachLive([&](Fiber* fiber) {
    if (fiber != self) others.push_back(fiber);
  });
  std::sort(others.begin(), others.end(),
            [](const Fiber* a, const Fiber* b) { return a->id < b->id; });
  std::string text;
  if (self != nullptr) AppendFiber(&text, *self);
  for (const Fiber* fiber : others) {
    AppendFiber(&text, *fiber);
    if (text.size() > 65536) {
      WriteError(text);
      text.clear();
    }
  }
  WriteError(text);
}

void WriteTraceback(bool all) {
  if (!Traceback().stacks) return;
  std::string text = "\n";
  const Fiber* self = CurrentFiber();
  if (self != nullptr && !all) AppendFiber(&text, *self);
  WriteError(text);
  if (self == nullptr || all) DumpAllFibers();
}

void WriteError(const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(STDERR_FILENO, text.data() + done, text.size() - done);
    if (n <= 0) return;
    done += static_cast<size_t>(n);
  }
}

}  // namespace weft::sched_internal
