#include "weft/patterns/crontab.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/chan/internal/test_util.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

absl::TimeZone Zone(const std::string& name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name << ": this test needs tzdata";
  return zone;
}

CronPlan Plan(const std::string& text, absl::TimeZone zone = absl::UTCTimeZone()) {
  auto plan = CronPlan::Parse(text, zone);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *plan;
}

struct Civil {
  int year, month, day, hour = 0, minute = 0;
  operator absl::CivilSecond() const { return absl::CivilSecond(year, month, day, hour, minute); }
};

// The next `n` times, as an RFC 3339 text without seconds.
std::vector<std::string> Times(const std::string& text, const std::string& zone_name, Civil after,
                               int n) {
  const absl::TimeZone zone = Zone(zone_name);
  const CronPlan plan = Plan(text, zone);
  std::vector<std::string> times;
  absl::Time t = absl::FromCivil(absl::CivilSecond(after), zone);
  while (n-- > 0) {
    t = plan.Next(t);
    times.push_back(absl::FormatTime("%Y-%m-%d %H:%M%Ez", t, zone));
  }
  return times;
}

using Texts = std::vector<std::string>;

TEST(CrontabTest, FieldsAreListsRangesAndSteps) {
  EXPECT_EQ(Times("5,35 8-9 * * *", "UTC", {2026, 1, 1}, 5),
            (Texts{"2026-01-01 08:05+00:00", "2026-01-01 08:35+00:00", "2026-01-01 09:05+00:00",
                   "2026-01-01 09:35+00:00", "2026-01-02 08:05+00:00"}));
  EXPECT_EQ(Times("*/20 * * * *", "UTC", {2026, 1, 1}, 3),
            (Texts{"2026-01-01 00:20+00:00", "2026-01-01 00:40+00:00", "2026-01-01 01:00+00:00"}));
  EXPECT_EQ(Times("50/5 23 * * *", "UTC", {2026, 1, 1}, 3),
            (Texts{"2026-01-01 23:50+00:00", "2026-01-01 23:55+00:00", "2026-01-02 23:50+00:00"}));
  EXPECT_EQ(Times("0 0 10-20/5 Feb ?", "UTC", {2026, 1, 1}, 3),
            (Texts{"2026-02-10 00:00+00:00", "2026-02-15 00:00+00:00", "2026-02-20 00:00+00:00"}));
}

TEST(CrontabTest, SixFieldsBeginWithTheSecond) {
  const CronPlan plan = Plan("*/15 30 12 * * *");
  const absl::Time noon =
      absl::FromCivil(absl::CivilSecond(2026, 3, 1, 12, 0, 0), absl::UTCTimeZone());
  absl::Time t = noon;
  for (int s = 0; s < 60; s += 15) {
    t = plan.Next(t);
    EXPECT_EQ(t, noon + absl::Minutes(30) + absl::Seconds(s));
  }
  EXPECT_EQ(plan.Next(t), noon + absl::Hours(24) + absl::Minutes(30));
}

TEST(CrontabTest, NamesAndSundayTwice) {
  const Texts sundays = Times("0 0 * * 0", "UTC", {2026, 11, 21}, 3);
  EXPECT_EQ(sundays[0], "2026-11-22 00:00+00:00");
  EXPECT_EQ(Times("0 0 * * 7", "UTC", {2026, 11, 21}, 3), sundays);
  EXPECT_EQ(Times("0 0 * * SUN", "UTC", {2026, 11, 21}, 3), sundays);
  EXPECT_EQ(Times("@weekly", "UTC", {2026, 11, 21}, 3), sundays);
  EXPECT_EQ(Times("0 0 * * fri-7", "UTC", {2026, 11, 16}, 3),
            (Texts{"2026-11-20 00:00+00:00", "2026-11-21 00:00+00:00", "2026-11-22 00:00+00:00"}));
}

TEST(CrontabTest, NamedPlans) {
  EXPECT_EQ(Times("@yearly", "UTC", {2026, 11, 21}, 1), Texts{"2027-01-01 00:00+00:00"});
  EXPECT_EQ(Times("@monthly", "UTC", {2026, 11, 21}, 1), Texts{"2026-12-01 00:00+00:00"});
  EXPECT_EQ(Times("@daily", "UTC", {2026, 11, 21}, 1), Texts{"2026-11-22 00:00+00:00"});
  EXPECT_EQ(Times("@hourly", "UTC", {2026, 11, 21}, 1), Texts{"2026-11-21 01:00+00:00"});
}

TEST(CrontabTest, TwoFieldsOfDaysMeanEither) {
  EXPECT_EQ(Times("0 0 13 * fri", "UTC", {2026, 11, 1}, 3),
            (Texts{"2026-11-06 00:00+00:00", "2026-11-13 00:00+00:00", "2026-11-20 00:00+00:00"}));
  EXPECT_EQ(Times("0 0 */10 * fri", "UTC", {2026, 11, 1}, 1), Texts{"2026-12-11 00:00+00:00"})
      << "a star, even with a step, leaves the day to the other field: 11th and Friday";
}

TEST(CrontabTest, LeapDaysAreFoundAndImpossibleDaysAreNot) {
  EXPECT_EQ(Times("0 0 29 2 *", "UTC", {2096, 3, 1}, 1), Texts{"2104-02-29 00:00+00:00"})
      << "2100 has none";
  EXPECT_EQ(Plan("0 0 30 2 *").Next(absl::UnixEpoch()), absl::InfiniteFuture());
  EXPECT_EQ(Plan("* * * * *").Next(absl::InfiniteFuture()), absl::InfiniteFuture());
}

TEST(CrontabTest, NextIsAlwaysLater) {
  const CronPlan plan = Plan("* * * * *");
  const absl::Time minute = absl::FromUnixSeconds(120);
  EXPECT_EQ(plan.Next(minute), absl::FromUnixSeconds(180));
  EXPECT_EQ(plan.Next(minute - absl::Nanoseconds(1)), minute);
  EXPECT_EQ(plan.Next(minute + absl::Nanoseconds(1)), absl::FromUnixSeconds(180));
  EXPECT_EQ(plan.Next(absl::FromUnixSeconds(-121) - absl::Nanoseconds(1)),
            absl::FromUnixSeconds(-120));
}

// Berlin: 2026-03-29 02:00 becomes 03:00; 2026-10-25 03:00 becomes 02:00.
TEST(CrontabTest, ANamedHourThatIsSkippedComesUpOnceRightAfter) {
  EXPECT_EQ(Times("30 2 * * *", "Europe/Berlin", {2026, 3, 28}, 3),
            (Texts{"2026-03-28 02:30+01:00", "2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00"}));
  EXPECT_EQ(Times("*/10 2 * * *", "Europe/Berlin", {2026, 3, 28, 2, 40}, 3),
            (Texts{"2026-03-28 02:50+01:00", "2026-03-29 03:00+02:00", "2026-03-30 02:00+02:00"}));
  EXPECT_EQ(Times("0 3 * * *", "Europe/Berlin", {2026, 3, 28, 12}, 2),
            (Texts{"2026-03-29 03:00+02:00", "2026-03-30 03:00+02:00"}));
}

TEST(CrontabTest, TheSecondBeforeAChangeIsNotSpecial) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  const absl::Time spring = absl::FromCivil(absl::CivilSecond(2026, 3, 29, 3, 0, 0), berlin);
  EXPECT_EQ(Plan("30 2 * * *", berlin).Next(spring - absl::Seconds(1)), spring);
  EXPECT_EQ(Plan("30 2 * * *", berlin).Next(spring), spring + absl::Hours(23) + absl::Minutes(30));
  const absl::Time autumn =
      absl::FromCivil(absl::CivilSecond(2026, 10, 25, 3, 0, 0), berlin) - absl::Hours(1);
  EXPECT_EQ(Plan("0 2 * * *", berlin).Next(autumn - absl::Seconds(1)), autumn + absl::Hours(24));
}

TEST(CrontabTest, ANamedHourThatExistsTwiceComesUpTheFirstTime) {
  EXPECT_EQ(Times("30 2 * * *", "Europe/Berlin", {2026, 10, 24, 12}, 2),
            (Texts{"2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"}));
  EXPECT_EQ(Times("0 3 * * *", "Europe/Berlin", {2026, 10, 24, 12}, 2),
            (Texts{"2026-10-25 03:00+01:00", "2026-10-26 03:00+01:00"}));
}

TEST(CrontabTest, AnyHourCountsWhatPasses) {
  EXPECT_EQ(Times("30 * * * *", "Europe/Berlin", {2026, 10, 25, 1}, 4),
            (Texts{"2026-10-25 01:30+02:00", "2026-10-25 02:30+02:00", "2026-10-25 02:30+01:00",
                   "2026-10-25 03:30+01:00"}));
  EXPECT_EQ(Times("30 */2 * * *", "Europe/Berlin", {2026, 3, 29}, 2),
            (Texts{"2026-03-29 00:30+01:00", "2026-03-29 04:30+02:00"}));
}

// A whole day was skipped: Samoa had no 2011-12-30.
TEST(CrontabTest, ASkippedDay) {
  EXPECT_EQ(Times("0 12 30 12 *", "Pacific/Apia", {2011, 12, 1}, 2),
            (Texts{"2011-12-31 00:00+14:00", "2012-12-30 12:00+14:00"}));
}

TEST(CrontabTest, WhatIsNoPlanIsRefused) {
  for (const char* text :
       {"", "* * * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
        "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "1,,2 * * * *", "a * * * *",
        "* * * foo *", "-1 * * * *", "1- * * * *", "1/ * * * *", "@never", "99999999999 * * * *"}) {
    EXPECT_EQ(CronPlan::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(CronPlan::Parse("* * * 13 *").status().message(), "crontab: month: 13");
}

// The slow reference: looks at every minute that passes.
std::vector<absl::Time> BruteForce(const CronPlan& plan, bool any_hour, absl::TimeZone zone,
                                   absl::Time from, absl::Time to) {
  std::vector<absl::Time> times;
  std::set<absl::CivilMinute> seen;  // a week is enough: clocks go back by less
  absl::CivilMinute last(zone.At(from).cs);
  for (absl::Time t = from + absl::Minutes(1); t <= to; t += absl::Minutes(1)) {
    const absl::CivilMinute now(zone.At(t).cs);
    bool due = plan.Matches(absl::CivilSecond(now)) && (any_hour || !seen.contains(now));
    if (!any_hour) {
      for (absl::CivilMinute skipped = last + 1; skipped < now; ++skipped)
        due |= plan.Matches(absl::CivilSecond(skipped));
    }
    seen.insert(now);
    last = now;
    if (due) times.push_back(t);
  }
  return times;
}

std::string RandomField(std::mt19937_64& random, int low, int high, int kind) {
  const auto number = [&] { return low + static_cast<int>(random() % (high - low + 1)); };
  switch (kind) {
    case 0:
      return "*";
    case 1:
      return "*/" + std::to_string(1 + random() % 12);
    case 2:
      return std::to_string(number());
    case 3:
      return std::to_string(number()) + "," + std::to_string(number());
    default:
      int a = number(), b = number();
      return std::to_string(std::min(a, b)) + "-" + std::to_string(std::max(a, b)) + "/" +
             std::to_string(1 + random() % 3);
  }
}

// Around the changes of clocks of several zones, and where there are none.
TEST(CrontabTest, AgreesWithLookingAtEveryMinute) {
  std::mt19937_64 random(chan_internal::TestSeed());
  const struct {
    const char* zone;
    Civil from;
  } places[] = {{"UTC", {2026, 2, 26}},
                {"Europe/Berlin", {2026, 3, 27}},
                {"Europe/Berlin", {2026, 10, 23}},
                {"America/New_York", {2026, 3, 6}},
                {"America/New_York", {2026, 10, 30}},
                {"Australia/Lord_Howe", {2026, 4, 3}},  // half an hour
                {"Australia/Lord_Howe", {2026, 10, 2}},
                {"Pacific/Apia", {2011, 12, 28}}};  // a day
  for (int round = testing::Repeat(400); round > 0; --round) {
    const auto& place = places[random() % std::size(places)];
    const absl::TimeZone zone = Zone(place.zone);
    const int hour_kind = static_cast<int>(random() % 5);
    const std::string text = RandomField(random, 0, 59, random() % 5) + " " +
                             RandomField(random, 0, 23, hour_kind) + " " +
                             RandomField(random, 1, 31, random() % 3 == 0 ? 4 : 0) + " * " +
                             RandomField(random, 0, 6, random() % 3 == 0 ? 4 : 0);
    const CronPlan plan = Plan(text, zone);
    const absl::Time from = absl::FromCivil(absl::CivilSecond(place.from), zone),
                     to = from + absl::Hours(5 * 24);
    std::vector<absl::Time> times;
    for (absl::Time t = plan.Next(from); t <= to; t = plan.Next(t)) times.push_back(t);
    EXPECT_EQ(times, BruteForce(plan, hour_kind <= 1, zone, from, to))
        << text << " in " << place.zone;
    // From the middle of nowhere, too.
    for (int i = 0; i < 5; ++i) {
      const absl::Time start = from + absl::Seconds(random() % (5 * 24 * 3600));
      const auto expected = std::upper_bound(times.begin(), times.end(), start);
      if (expected == times.end()) continue;
      EXPECT_EQ(plan.Next(start), *expected) << text << " in " << place.zone;
    }
  }
}

}  // namespace
}  // namespace weft
