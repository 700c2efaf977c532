// crontab.h: when a plan such as "30 2 * * mon-fri" comes up next.
//
// Go: routine.Crontab's plans, robfig/cron. The executor that runs something by a plan is in
//   executors.h.
//
// Thread safety: a CronPlan is a value that never changes.
// Blocks: nothing.
// Misuse: a text that is no plan is kInvalidArgument, with what is wrong about it.
// Cost: Next() skips months, days, hours and minutes that do not match: at most a step for each day
//   of twelve years, for a plan that never comes up.
//
// Five fields, minute hour day-of-month month day-of-week, or six with the second before them; or
// @yearly (@annually), @monthly, @weekly, @daily (@midnight), @hourly. A field is a list of
// numbers, ranges a-b and steps a-b/n, a/n, */n; months and days have English names of three
// letters; Sunday is 0 and 7; ? is *. As in cron, if neither of the two fields of days begins with
// *, a day that either of them names will do; else both have to.
//
// Where clocks change, a plan whose hour field begins with * counts what passes: it comes up in
// both of two equal hours, and not in one that does not exist. A plan that names hours counts days:
// it comes up once where an hour exists twice, the first time, and what it names in an hour that is
// skipped comes up once, right after the skip.
//
//   absl::StatusOr<weft::CronPlan> plan = weft::CronPlan::Parse("30 2 * * mon-fri", zone);
//   absl::Time next = plan->Next(absl::Now());
#ifndef WEFT_PATTERNS_CRONTAB_H_
#define WEFT_PATTERNS_CRONTAB_H_

#include <bitset>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace weft {

class CronPlan {
 public:
  static absl::StatusOr<CronPlan> Parse(const std::string& text,
                                        absl::TimeZone zone = absl::UTCTimeZone());

  // The first time after `after`. InfiniteFuture: none within twelve years (February 30), or
  // `after` is infinite.
  absl::Time Next(absl::Time after) const;

  // Whether the fields name this civil time, whatever clocks do.
  bool Matches(absl::CivilSecond t) const;

  const std::string& text() const { return text_; }

 private:
  CronPlan() = default;

  bool MatchesDay(absl::CivilDay day) const;
  absl::CivilSecond NextCivil(absl::CivilSecond from, absl::CivilSecond limit) const;
  bool NamedInSkip(const absl::TimeZone::CivilTransition& change) const;

  std::string text_;
  absl::TimeZone zone_;
  std::bitset<60> seconds_, minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;     // of the month: 1 to 31
  std::bitset<13> months_;   // 1 to 12
  std::bitset<8> weekdays_;  // 0 to 6, Sunday first
  bool any_hour_ = false;    // the hour field begins with *
  bool either_day_ = false;  // neither field of days does
};

}  // namespace weft

#endif  // WEFT_PATTERNS_CRONTAB_H_
