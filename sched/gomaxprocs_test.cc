// Where the number of processors comes from. Each case runs in a process of its own: what was set
// by a call is not followed up by the runtime.
#include <dirent.h>
#include <sched.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/environment.h"
#include "weft/sched/internal/scheduler.h"
#include "weft/sched/timer.h"

namespace weft {
namespace {

using sched_internal::DefaultProcessors;
using sched_internal::Scheduler;
using ::testing::ExitedWithCode;

class GomaxprocsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    unsetenv("WEFT_MAXPROCS");
    unsetenv("WEFT_DEBUG");
  }
};

// As an exit status, so that the parent can tell which check failed.
#define CHECK_OR_EXIT(condition)                       \
  do {                                                 \
    if (!(condition)) std::_Exit(__LINE__ % 199 + 50); \
  } while (false)

bool Follows() { return Scheduler::Instance().follows_system(); }

// For all threads that exist.
void SetAffinity(const cpu_set_t& set) {
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] != '.') sched_setaffinity(std::atoi(entry->d_name), sizeof set, &set);
  }
  closedir(tasks);
}

// Keeps the process busy, since an idle one looks at nothing.
bool BecomesWithinAMinute(int processors) {
  const int64_t end = MonotonicNanos() + 60'000'000'000;
  while (GOMAXPROCS(0) != processors) {
    if (MonotonicNanos() > end) return false;
    Gosched();
  }
  return true;
}

TEST_F(GomaxprocsTest, EnvironmentDecides) {
  EXPECT_EXIT(
      {
        setenv("WEFT_MAXPROCS", "5", 1);
        CHECK_OR_EXIT(GOMAXPROCS(0) == 5);
        CHECK_OR_EXIT(!Follows());
        std::_Exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(GomaxprocsTest, EnvironmentThatIsNoPositiveNumberIsIgnored) {
  for (const char* text : {"", "0", "-3", "x", "2x", "99999999999"}) {
    EXPECT_EXIT(
        {
          setenv("WEFT_MAXPROCS", text, 1);
          CHECK_OR_EXIT(GOMAXPROCS(0) == DefaultProcessors());
          CHECK_OR_EXIT(Follows());
          std::_Exit(0);
        },
        ExitedWithCode(0), "")
        << text;
  }
}

TEST_F(GomaxprocsTest, SetDefaultForgetsEnvironmentAndCall) {
  EXPECT_EXIT(
      {
        setenv("WEFT_MAXPROCS", "5", 1);
        CHECK_OR_EXIT(GOMAXPROCS(7) == 5);
        CHECK_OR_EXIT(GOMAXPROCS(0) == 7);
        SetDefaultGOMAXPROCS();
        CHECK_OR_EXIT(GOMAXPROCS(0) == DefaultProcessors());
        CHECK_OR_EXIT(Follows());
        std::_Exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(GomaxprocsTest, SetDefaultMayComeFirst) {
  EXPECT_EXIT(
      {
        setenv("WEFT_MAXPROCS", "5", 1);
        SetDefaultGOMAXPROCS();
        CHECK_OR_EXIT(GOMAXPROCS(0) == DefaultProcessors());
        std::_Exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(GomaxprocsTest, CallEndsFollowingEvenWithTheSameNumber) {
  EXPECT_EXIT(
      {
        CHECK_OR_EXIT(GOMAXPROCS(-1) == GOMAXPROCS(0));
        CHECK_OR_EXIT(Follows());
        const int n = GOMAXPROCS(0);
        GOMAXPROCS(n);
        CHECK_OR_EXIT(!Follows());
        CHECK_OR_EXIT(Scheduler::Instance().SetProcessors(n + 1, Scheduler::SetBy::kSystem) == n);
        CHECK_OR_EXIT(GOMAXPROCS(0) == n);
        std::_Exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(GomaxprocsTest, FollowsTheAffinityMask) {
  EXPECT_EXIT(
      {
        cpu_set_t before;
        CHECK_OR_EXIT(sched_getaffinity(0, sizeof before, &before) == 0);
        const int n = GOMAXPROCS(0);
        const int cpus = NumCPU();
        Go([&before, n, cpus] {
          cpu_set_t one;
          CPU_ZERO(&one);
          CPU_SET(sched_getcpu(), &one);
          SetAffinity(one);
          CHECK_OR_EXIT(BecomesWithinAMinute(1));
          CHECK_OR_EXIT(NumCPU() == cpus);
          SetAffinity(before);
          CHECK_OR_EXIT(BecomesWithinAMinute(n));
          std::_Exit(0);
        });
        std::this_thread::sleep_for(std::chrono::minutes(3));
      },
      ExitedWithCode(0), "");
}

}  // namespace
}  // namespace weft
