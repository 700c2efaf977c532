// A run in words.
#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "weft/sched/internal/source_line.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/testing/sim_runner.h"
#include "weft/sched/testing/user_function.h"

namespace weft::sim_internal {
namespace {

constexpr size_t kMostEvents = 400;

std::string_view OpText(Op op) {
  switch (op) {
    case Op::kOther:
      return "step";
    case Op::kGo:
      return "go";
    case Op::kYield:
      return "yield";
    case Op::kSend:
      return "send";
    case Op::kTrySend:
      return "try send";
    case Op::kReceive:
      return "receive";
    case Op::kTryReceive:
      return "try receive";
    case Op::kClose:
      return "close";
    case Op::kSelect:
      return "select";
    case Op::kLock:
      return "lock";
    case Op::kTryLock:
      return "try lock";
    case Op::kUnlock:
      return "unlock";
    case Op::kReadLock:
      return "read lock";
    case Op::kReadUnlock:
      return "read unlock";
    case Op::kWait:
      return "wait";
    case Op::kSignal:
      return "signal";
    case Op::kAdd:
      return "add";
    case Op::kOnce:
      return "once";
    case Op::kAcquire:
      return "acquire";
    case Op::kRelease:
      return "release";
    case Op::kAtomicLoad:
      return "atomic load";
    case Op::kAtomicWrite:
      return "atomic write";
    case Op::kLoad:
      return "load";
    case Op::kGet:
      return "get";
    case Op::kPut:
      return "put";
  }
  return "?";
}

// " FILE:LINE" where the address is in its function, if that is known.
std::string Place(void* pc) {
  const sched_internal::SourceLines lines(pc);
  if (lines.size() == 0) return "";
  const sched_internal::SourceLine& line = lines[lines.size() - 1];
  const std::string_view path(line.file);
  return absl::StrFormat(" %s:%d", std::string(path.substr(path.rfind('/') + 1)), line.line);
}

// The innermost function on the calling stack that is the user's, and where it is there.
std::string UserFunction() {
  void* pcs[32];
  const int count = sched_internal::CaptureStack(pcs, 32);
  for (int i = 0; i < count; ++i) {
    char name[512];
    if (!sched_internal::FunctionOf(pcs[i], name, sizeof name)) continue;
    if (!testing::IsUsersFunction(name)) continue;
    std::string shown = name;
    constexpr std::string_view kUnnamed = "(anonymous namespace)::";
    for (size_t at; (at = shown.find(kUnnamed)) != shown.npos;) shown.erase(at, kUnnamed.size());
    return shown + Place(pcs[i]);
  }
  return "";
}

std::string Detail(const Event& event) {
  switch (event.kind) {
    case Event::Kind::kOp:
      if (event.object == 0) return std::string(OpText(event.op));
      return absl::StrFormat("%s #%d", OpText(event.op), event.object);
    case Event::Kind::kPark:
      return absl::StrFormat("waits: %s", WaitReasonText(event.reason));
    case Event::Kind::kEnd:
      return "ends";
    case Event::Kind::kDraw:
      return absl::StrFormat("draws %d", event.object);
    case Event::Kind::kFailure:
      return "fails";
    case Event::Kind::kTime:
      return absl::FormatDuration(absl::Nanoseconds(event.now_ns)) + " have passed";
  }
  return "";
}

}  // namespace

void World::Tell(Event::Kind kind, const Fiber* fiber, Op op, uint32_t object) {
  Event event;
  event.kind = kind;
  event.op = op;
  event.fiber = IdOf(fiber);
  event.object = object;
  event.now_ns = now_ns - kStartNanos;
  if (kind == Event::Kind::kPark) {
    event.reason = fiber->wait_reason.load(std::memory_order_relaxed);  // our own
  }
  if (kind == Event::Kind::kOp || kind == Event::Kind::kPark || kind == Event::Kind::kFailure) {
    event.where = UserFunction();
  }
  events_.push_back(std::move(event));
}

std::string TellStory(const World& world) {
  const std::vector<Event>& events = world.events();
  const size_t first = events.size() > kMostEvents ? events.size() - kMostEvents : 0;
  std::string text;
  if (first > 0) absl::StrAppendFormat(&text, "  (%d earlier steps are left out)\n", first);
  for (size_t i = first; i < events.size(); ++i) {
    const Event& event = events[i];
    std::string who = event.fiber == 0 ? "" : absl::StrFormat("%d", event.fiber);
    if (!world.FiberName(event.fiber).empty()) who += " " + world.FiberName(event.fiber);
    std::string line =
        absl::StrFormat("%5d  %-12s  %-24s  %s", i + 1, who, Detail(event), event.where);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (event.preempted) text += "       ---- is stopped here ----\n";
  }
  return text;
}

}  // namespace weft::sim_internal
