#include "weft/sched/testing/sim_schedule.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_format.h"

namespace weft::sim {
namespace {

constexpr std::string_view kPlain = "plain";

// Reads a number and then `after`, if that is not 0.
bool ReadNumber(std::string_view* text, uint32_t* number, char after) {
  const char* end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, *number);
  if (error != std::errc() || (after != 0 && (rest == end || *rest != after))) return false;
  text->remove_prefix(static_cast<size_t>(rest - text->data()) + (after != 0 ? 1 : 0));
  return true;
}

}  // namespace

std::string FormatSchedule(const Schedule& schedule) {
  if (schedule.empty()) return std::string(kPlain);
  std::string text;
  for (const Deviation& d : schedule) {
    if (!text.empty()) text += ' ';
    absl::StrAppendFormat(&text, "%d.%d%c%d", d.fiber, d.place, d.is_fiber ? '>' : '=', d.value);
  }
  return text;
}

std::optional<Schedule> ParseSchedule(std::string_view text) {
  Schedule schedule;
  if (text == kPlain) return schedule;
  while (!text.empty()) {
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    Deviation d;
    if (!ReadNumber(&text, &d.fiber, '.') || !ReadNumber(&text, &d.place, 0) || text.empty()) {
      return std::nullopt;
    }
    if (text.front() != '>' && text.front() != '=') return std::nullopt;
    d.is_fiber = text.front() == '>';
    text.remove_prefix(1);
    if (!ReadNumber(&text, &d.value, 0)) return std::nullopt;
    schedule.push_back(d);
  }
  return schedule;
}

int CountPreemptions(const Schedule& schedule) {
  return static_cast<int>(std::count_if(schedule.begin(), schedule.end(),
                                        [](const Deviation& d) { return d.preempts; }));
}

}  // namespace weft::sim
