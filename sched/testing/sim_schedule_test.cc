#include "weft/sched/testing/sim_schedule.h"

#include "gtest/gtest.h"

namespace weft::sim {
namespace {

TEST(SimScheduleTest, TextComesBack) {
  const Schedule schedule = {
      {1, 4, true, 3, false}, {2, 7, false, 1, false}, {0, 1, true, 12, false}};
  EXPECT_EQ(FormatSchedule(schedule), "1.4>3 2.7=1 0.1>12");
  const auto parsed = ParseSchedule(FormatSchedule(schedule));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(*parsed, schedule);
}

TEST(SimScheduleTest, NonsenseIsRefused) {
  for (const char* text :
       {"x", "1", "1.", "1.2", "1.2>", "1.2?3", "1>2", "1.2>3x", "-1.2>3", "99999999999.1>1"}) {
    EXPECT_FALSE(ParseSchedule(text).has_value()) << text;
  }
  EXPECT_EQ(FormatSchedule({}), "plain");
  EXPECT_TRUE(ParseSchedule("plain")->empty());
  EXPECT_TRUE(ParseSchedule("")->empty());
  EXPECT_TRUE(ParseSchedule("  ")->empty());
}

}  // namespace
}  // namespace weft::sim
