// A failure in words.
#include <cstdio>
#include <string>

#include "weft/sched/testing/model_execution.h"

namespace weft::sched_internal::model {

namespace {

const char* OrderText(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return "relaxed";
    case std::memory_order_consume:
      return "consume";
    case std::memory_order_acquire:
      return "acquire";
    case std::memory_order_release:
      return "release";
    case std::memory_order_acq_rel:
      return "acq_rel";
    case std::memory_order_seq_cst:
      return "seq_cst";
  }
  return "?";
}

const char* KindText(OpKind kind) {
  switch (kind) {
    case OpKind::kStart:
      return "start";
    case OpKind::kLoad:
      return "load";
    case OpKind::kStore:
      return "store";
    case OpKind::kUpdate:
      return "update";
    case OpKind::kCompareExchange:
      return "cas";
    case OpKind::kFence:
      return "fence";
    case OpKind::kSpin:
      return "spin";
    case OpKind::kLock:
      return "lock";
    case OpKind::kPark:
      return "park";
    case OpKind::kReady:
      return "ready";
    case OpKind::kPlainRead:
      return "read";
    case OpKind::kPlainWrite:
      return "write";
  }
  return "?";
}

std::string ValueText(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof(text), value < 1'000'000 ? "%llu" : "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

std::string SiteText(Site site) {
  if (site.file == nullptr) return "";
  const std::string_view file = site.file;
  return std::string(file.substr(file.rfind('/') + 1)) + ":" + std::to_string(site.line);
}

std::string NewerText(const Event& event) {
  if (event.newer == 0) return "";
  return " (" + std::to_string(event.newer) + " newer)";
}

std::string EffectText(const Event& event) {
  switch (event.kind) {
    case OpKind::kLoad:
      return "-> " + ValueText(event.read) + NewerText(event);
    case OpKind::kStore:
      return "= " + ValueText(event.written) + NewerText(event);
    case OpKind::kLock:
    case OpKind::kUpdate:
      return ValueText(event.read) + " -> " + ValueText(event.written);
    case OpKind::kCompareExchange:
      if (event.success) return ValueText(event.read) + " -> " + ValueText(event.written);
      return "fails on " + ValueText(event.read) + NewerText(event);
    case OpKind::kReady:
      return "T" + std::to_string(event.location);
    default:
      return "";
  }
}

bool HasOrder(OpKind kind) {
  return kind == OpKind::kLoad || kind == OpKind::kStore || kind == OpKind::kUpdate ||
         kind == OpKind::kCompareExchange || kind == OpKind::kFence;
}

}  // namespace

std::string Execution::NameOf(const void* address) const {
  if (address == nullptr) return "";
  for (const auto& [named, name] : program_.names_) {
    if (named == address) return name;
  }
  char text[64];
  const char* at = static_cast<const char*>(address);
  const char* arena = program_.arena_;
  if (at >= arena && at < arena + Program::kArenaBytes) {
    std::snprintf(text, sizeof(text), "made+%td", at - arena);
    return text;
  }
  for (int i = 1; i < count_; ++i) {
    if (!threads_[i].context.Contains(address)) continue;
    std::snprintf(text, sizeof(text), "T%d's stack-%td", i, threads_[i].context.Offset(address));
    return text;
  }
  std::snprintf(text, sizeof(text), "%p", address);
  return text;
}

std::string Execution::Describe(const Event& event) const {
  char line[512];
  std::snprintf(line, sizeof(line), "T%d  %-6s %-12s %-24s %-8s %s", event.thread,
                KindText(event.kind), NameOf(event.address).c_str(), EffectText(event).c_str(),
                HasOrder(event.kind) ? OrderText(event.order) : "", SiteText(event.site).c_str());
  return line;
}

std::string Execution::DescribeStuck() const {
  std::string text = "nobody can run:";
  for (int i = 1; i < count_; ++i) {
    const Thread& thread = threads_[i];
    if (thread.finished) continue;
    const bool parked = thread.pending.kind == OpKind::kPark;
    text += " T" + std::to_string(i);
    if (thread.pending.kind == OpKind::kLock) {
      text += " waits for the lock " + NameOf(memory_[thread.locking].address) + ";";
      continue;
    }
    text += parked ? " is parked (" + std::string(thread.reason) + ")"
                   : " spins at " + SiteText(thread.pending.site);
    for (const Watched& watched : thread.watched) {
      if (!parked)
        text += " on " + NameOf(memory_[watched.location].address) + " = " +
                ValueText(watched.last.value);
    }
    text += ";";
  }
  text.pop_back();
  return text;
}

void Execution::WriteReport(Site site) {
  report_ =
      failure_ + "\n  at " + SiteText(site) + " by T" + std::to_string(running_) + " after:\n";
  int number = 0;
  for (const Event& event : events_) {
    char prefix[16];
    std::snprintf(prefix, sizeof(prefix), "%4d  ", ++number);
    report_ += prefix + Describe(event) + "\n";
  }
  report_ += "replay: WEFT_MODEL_SCHEDULE=" + schedule_ + "\n";
}

}  // namespace weft::sched_internal::model
