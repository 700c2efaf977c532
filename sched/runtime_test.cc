#include "weft/sched/runtime.h"

#include <dirent.h>

#include <atomic>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

int CountThreads() {
  int count = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

TEST(ShutdownTest, BeforeAnythingWasStarted) { EXPECT_TRUE(Shutdown(absl::ZeroDuration()).ok()); }

TEST(ShutdownTest, WaitsForFibersAndEndsThreads) {
  const int before = CountThreads();
  std::atomic<int> ended{0};
  for (int i = 0; i < 100; ++i) {
    Go([&ended] {
      Sleep(absl::Milliseconds(1));
      ended.fetch_add(1);
    });
  }
  ASSERT_TRUE(Shutdown(absl::Seconds(60)).ok());
  EXPECT_EQ(ended, 100);
  EXPECT_EQ(NumFiber(), 0);
  EXPECT_EQ(CountThreads(), before + (sched_internal::kTsan ? CountThreads() - before : 0));
}

TEST(ShutdownTest, RuntimeStartsAgain) {
  for (int i = 0; i < 20; ++i) {
    int seen = 0;
    testing::RunInFiber([&seen, i] { seen = i; });
    EXPECT_EQ(seen, i);
    ASSERT_TRUE(Shutdown(absl::Seconds(60)).ok());
  }
}

TEST(ShutdownTest, DeadlineExceededTellsHowManyAreLeft) {
  std::atomic<Parkable*> parked{nullptr};
  Go([&parked] {
    parked = CurrentParkable();
    Park(WaitReason::kForever);
  });
  while (parked == nullptr) Sleep(absl::Microseconds(100));
  const absl::Status status = Shutdown(absl::Milliseconds(5));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(std::string(status.message()), "1 fibers have not ended");
  Ready(parked);
  EXPECT_TRUE(Shutdown(absl::InfiniteDuration()).ok());
}

TEST(ShutdownTest, FromAFiberIsAnError) {
  absl::Status status;
  testing::RunInFiber([&status] { status = Shutdown(absl::Seconds(1)); });
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace weft
