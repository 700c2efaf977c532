#include "weft/sched/testing/leak_check.h"

#include <string>

#include "gtest/gtest-spi.h"
#include "weft/sched/go.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/fixture.h"

namespace weft::testing {
namespace {

// A fiber that waits until it is let go, started by a function that a report should name.
class Prisoner {
 public:
  explicit Prisoner(const char* name = nullptr) { Start(name); }
  static constexpr int kStartLine = __LINE__ + 10;
  static constexpr int kWaitLine = __LINE__ + 18;

  ~Prisoner() {
    Ready(fiber_);
    while (!gone_) Sleep(absl::Microseconds(100));
  }

 private:
  __attribute__((noinline)) void Start(const char* name) {
    Go({.name = name}, [this] {
      fiber_ = CurrentParkable();
      Languish();
      gone_ = true;
    });
    while (fiber_ == nullptr) Sleep(absl::Microseconds(100));
  }

  __attribute__((noinline)) static void Languish() {
    Park(WaitReason::kChanReceive);
    asm volatile("");  // or else the call above would be a jump, and leave no frame
  }

  std::atomic<Parkable*> fiber_{nullptr};
  std::atomic<bool> gone_{false};
};

LeakFilter Hasty() { return LeakFilter().SetPatience(absl::Milliseconds(1)); }

TEST(LeakCheckTest, NothingLeftIsNoLeak) {
  Go([] {});
  EXPECT_TRUE(LeakFilter().FindLeaks().empty());
}

TEST(LeakCheckTest, LeakIsToldWithStackAndOrigin) {
  Prisoner prisoner("reader");
  const std::vector<std::string> leaks = Hasty().FindLeaks();
  ASSERT_EQ(leaks.size(), 1u);
  EXPECT_NE(leaks[0].find("[chan receive, name reader]"), std::string::npos) << leaks[0];
  EXPECT_NE(leaks[0].find("Prisoner::Languish()"), std::string::npos) << leaks[0];
  EXPECT_NE(leaks[0].find("created by "), std::string::npos) << leaks[0];
  EXPECT_NE(leaks[0].find("Prisoner::Start()"), std::string::npos) << leaks[0];
  for (int line : {Prisoner::kStartLine, Prisoner::kWaitLine}) {
    const std::string place = "\n\tsched/testing/leak_check_test.cc:" + std::to_string(line) + " ";
    EXPECT_NE(leaks[0].find(place), std::string::npos) << place << leaks[0];
  }
}

TEST(LeakCheckTest, WhoIsAboutToEndIsWaitedFor) {
  Go([] { Sleep(absl::Milliseconds(50)); });
  EXPECT_TRUE(LeakFilter().SetPatience(absl::Seconds(30)).FindLeaks().empty());
}

TEST(LeakCheckTest, Ignores) {
  LeakFilter before = Hasty().IgnoreCurrent();
  Prisoner prisoner("reader");
  EXPECT_EQ(before.FindLeaks().size(), 1u);
  EXPECT_TRUE(Hasty().IgnoreCurrent().FindLeaks().empty());
  EXPECT_TRUE(Hasty().IgnoreName("reader").FindLeaks().empty());
  EXPECT_EQ(Hasty().IgnoreName("read").FindLeaks().size(), 1u);
  EXPECT_TRUE(Hasty().IgnoreTopFunction("Languish").FindLeaks().empty());
  EXPECT_EQ(Hasty().IgnoreTopFunction("weft_fiber_main").FindLeaks().size(), 1u);
  EXPECT_TRUE(Hasty().IgnoreAnyFunction("weft_fiber_main").FindLeaks().empty());
}

TEST(LeakCheckTest, CallerIsNoLeak) {
  std::atomic<bool> done{false};
  Go([&] {
    EXPECT_TRUE(Hasty().FindLeaks().empty());
    done = true;
  });
  while (!done) Sleep(absl::Milliseconds(1));
}

TEST(LeakCheckTest, FailureNamesTheLeak) {
  Prisoner prisoner("reader");
  EXPECT_NONFATAL_FAILURE(ExpectNoLeaks(Hasty()), "1 fibers are left over");
}

using LeakFixtureTest = LeakCheck;

// Leaves a fiber that the test allows for, and that ends with the next one.
Prisoner* left_over = nullptr;

TEST_F(LeakFixtureTest, FilterAllowsWhatItNames) {
  left_over = new Prisoner("background");
  leak_filter().IgnoreName("background");
}

TEST_F(LeakFixtureTest, FormerLeaksAreNotBlamed) { EXPECT_EQ(NumFiber(), 1); }

TEST_F(LeakFixtureTest, EndOfAFormerLeakIsFine) {
  delete left_over;
  EXPECT_TRUE(WaitForNoFibers());  // it is on its way out
}

}  // namespace
}  // namespace weft::testing
