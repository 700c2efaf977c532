#include "weft/patterns/crontab.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace weft {
namespace {

constexpr std::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                        "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view kWeekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

constexpr std::pair<std::string_view, std::string_view> kNamedPlans[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

struct Field {
  const char* name;
  int low, high;
  const std::string_view* names = nullptr;  // of `low` and the following
  int name_count = 0;
};

std::vector<std::string> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find_first_of(separators, at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

absl::Status Invalid(const Field& field, std::string_view part) {
  return absl::InvalidArgumentError(std::string("crontab: ") + field.name + ": " +
                                    std::string(part));
}

// The number that `text` stands for, or -1.
int ParseNumber(const Field& field, std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (int i = 0; i < field.name_count; ++i) {
    if (lower == field.names[i]) return field.low + i;
  }
  if (text.empty() || text.size() > 4) return -1;
  int number = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

// One element of a list: a, a-b, *, and each of them with /n.
template <size_t kBits>
absl::Status ParseElement(const Field& field, std::string_view element, std::bitset<kBits>* bits) {
  const size_t slash = element.find('/');
  const std::string_view range = element.substr(0, slash);
  int step = 1;
  if (slash != element.npos) {
    step = ParseNumber({field.name, 0, 0}, element.substr(slash + 1));
    if (step < 1) return Invalid(field, element);
  }
  int from = field.low, to = field.high;
  if (range != "*" && range != "?") {
    const size_t dash = range.find('-');
    from = ParseNumber(field, range.substr(0, dash));
    if (dash != range.npos) {
      to = ParseNumber(field, range.substr(dash + 1));
    } else if (slash == element.npos) {
      to = from;
    }
  }
  if (from < field.low || to > field.high || from > to) return Invalid(field, element);
  for (int n = from; n <= to; n += step) bits->set(static_cast<size_t>(n));
  return absl::OkStatus();
}

template <size_t kBits>
absl::Status ParseField(const Field& field, const std::string& text, std::bitset<kBits>* bits) {
  for (const std::string& element : Split(text, ",")) {
    if (absl::Status s = ParseElement(field, element, bits); !s.ok()) return s;
  }
  return absl::OkStatus();
}

bool BeginsWithStar(const std::string& field) { return field[0] == '*' || field[0] == '?'; }

}  // namespace

absl::StatusOr<CronPlan> CronPlan::Parse(const std::string& text, absl::TimeZone zone) {
  std::vector<std::string> fields = Split(text, " \t");
  std::erase(fields, "");
  if (fields.size() == 1) {
    for (const auto& [name, meaning] : kNamedPlans) {
      if (fields[0] == name) {
        fields = Split(meaning, " ");
        break;
      }
    }
  }
  if (fields.size() == 5) fields.insert(fields.begin(), "0");
  if (fields.size() != 6)
    return absl::InvalidArgumentError("crontab: five or six fields, or @name: " + text);

  CronPlan plan;
  plan.text_ = text;
  plan.zone_ = zone;
  std::bitset<8> weekdays;
  for (const absl::Status& s :
       {ParseField({"second", 0, 59}, fields[0], &plan.seconds_),
        ParseField({"minute", 0, 59}, fields[1], &plan.minutes_),
        ParseField({"hour", 0, 23}, fields[2], &plan.hours_),
        ParseField({"day", 1, 31}, fields[3], &plan.days_),
        ParseField({"month", 1, 12, kMonths, 12}, fields[4], &plan.months_),
        ParseField({"weekday", 0, 7, kWeekdays, 7}, fields[5], &weekdays)}) {
    if (!s.ok()) return s;
  }
  if (weekdays[7]) weekdays.set(0);
  plan.weekdays_ = weekdays;
  plan.any_hour_ = BeginsWithStar(fields[2]);
  plan.either_day_ = !BeginsWithStar(fields[3]) && !BeginsWithStar(fields[5]);
  return plan;
}

bool CronPlan::MatchesDay(absl::CivilDay day) const {
  // absl counts from Monday.
  const bool weekday = weekdays_[(static_cast<size_t>(absl::GetWeekday(day)) + 1) % 7];
  const bool day_of_month = days_[static_cast<size_t>(day.day())];
  return either_day_ ? weekday || day_of_month : weekday && day_of_month;
}

bool CronPlan::Matches(absl::CivilSecond t) const {
  return months_[static_cast<size_t>(t.month())] && MatchesDay(absl::CivilDay(t)) &&
         hours_[static_cast<size_t>(t.hour())] && minutes_[static_cast<size_t>(t.minute())] &&
         seconds_[static_cast<size_t>(t.second())];
}

// The first civil time that matches, from `from` on; `limit` if there is none before it. Skips
// whole months, days, hours and minutes.
absl::CivilSecond CronPlan::NextCivil(absl::CivilSecond from, absl::CivilSecond limit) const {
  while (from < limit) {
    if (!months_[static_cast<size_t>(from.month())]) {
      from = absl::CivilSecond(absl::CivilMonth(from) + 1);
    } else if (!MatchesDay(absl::CivilDay(from))) {
      from = absl::CivilSecond(absl::CivilDay(from) + 1);
    } else if (!hours_[static_cast<size_t>(from.hour())]) {
      from = absl::CivilSecond(absl::CivilHour(from) + 1);
    } else if (!minutes_[static_cast<size_t>(from.minute())]) {
      from = absl::CivilSecond(absl::CivilMinute(from) + 1);
    } else if (!seconds_[static_cast<size_t>(from.second())]) {
      ++from;
    } else {
      return from;
    }
  }
  return limit;
}

// Whether a plan of named hours names a time that the change skips.
bool CronPlan::NamedInSkip(const absl::TimeZone::CivilTransition& change) const {
  return !any_hour_ && NextCivil(change.from, change.to) < change.to;
}

// Time falls into stretches within which clocks run evenly, and civil time in each is as good as
// time itself.
absl::Time CronPlan::Next(absl::Time after) const {
  if (after == absl::InfiniteFuture() || after == absl::InfinitePast())
    return absl::InfiniteFuture();
  const absl::CivilSecond give_up = zone_.At(after).cs + int64_t{12} * 366 * 24 * 3600;
  absl::Time at = absl::FromUnixSeconds(absl::ToUnixSeconds(after)) +
                  absl::Seconds(1);  // the first whole second after
  if (absl::FromUnixSeconds(absl::ToUnixSeconds(after)) > after) at -= absl::Seconds(1);
  // Where a repeated stretch that `at` is in has begun, civil times before `repeated_until` exist a
  // second time.
  absl::CivilSecond repeated_until = absl::CivilSecond::min();
  absl::TimeZone::CivilTransition change;
  // The last change that is not after `at`: the query is for one before a whole second.
  if (zone_.PrevTransition(at + absl::Seconds(1), &change)) {
    repeated_until = change.from;
    if (change.to == zone_.At(at).cs && NamedInSkip(change)) return at;
  }

  for (;;) {
    const bool changes = zone_.NextTransition(at, &change);
    const absl::CivilSecond first = zone_.At(at).cs;
    const absl::CivilSecond end = changes ? std::min(change.from, give_up) : give_up;
    const absl::CivilSecond next =
        NextCivil(any_hour_ ? first : std::max(first, repeated_until), end);
    if (next < end) return at + absl::Seconds(next - first);
    if (!changes || end == give_up) return absl::InfiniteFuture();
    at += absl::Seconds(change.from - first);
    if (NamedInSkip(change)) return at;
    repeated_until = change.from;
  }
}

}  // namespace weft
