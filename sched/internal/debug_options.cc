#include "weft/sched/internal/debug_options.h"

#include <charconv>
#include <cstdlib>

namespace weft::sched_internal {
namespace {

void Apply(std::string_view name, int value, DebugOptions* options) {
  if (name == "containermaxprocs") options->containermaxprocs = value;
  if (name == "updatemaxprocs") options->updatemaxprocs = value;
  if (name == "schedtrace") options->schedtrace = value;
  if (name == "scheddetail") options->scheddetail = value;
  if (name == "heldlocks") options->heldlocks = value;
}

}  // namespace

DebugOptions ParseDebugOptions(std::string_view text) {
  DebugOptions options;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find(','));
    text.remove_prefix(pair.size() < text.size() ? pair.size() + 1 : pair.size());
    const size_t equals = pair.find('=');
    if (equals == pair.npos) continue;
    const std::string_view number = pair.substr(equals + 1);
    int value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || end != number.data() + number.size()) continue;
    Apply(pair.substr(0, equals), value, &options);
  }
  return options;
}

TracebackOptions ParseTracebackOptions(std::string_view text) {
  if (text.empty()) return {};
  if (text == "single") return {.all_at_fatal = false};
  if (text == "crash") return {.all_at_panic = true, .runtime_frames = true, .crash = true};
  int level = 0;
  if (text == "all") {
    level = 1;
  } else if (text == "system") {
    level = 2;
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), level);
    if (error != std::errc() || end != text.data() + text.size()) level = 0;
  }
  if (level <= 0) return {.stacks = false};
  return {.all_at_panic = true, .runtime_frames = level > 1};
}

const TracebackOptions& Traceback() {
  static const TracebackOptions options = [] {
    const char* text = std::getenv("WEFT_TRACEBACK");
    return ParseTracebackOptions(text != nullptr ? text : "");
  }();
  return options;
}

const DebugOptions& Debug() {
  static const DebugOptions options = [] {
    const char* text = std::getenv("WEFT_DEBUG");
    return ParseDebugOptions(text != nullptr ? text : "");
  }();
  return options;
}

}  // namespace weft::sched_internal
