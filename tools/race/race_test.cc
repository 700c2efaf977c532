// That the race detector finds every race of the racy programs every time, with one worker as with
// several, and nothing in the correct ones; and that its reports say who raced and who started
// them.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/tools/race/programs.h"

// Of the sanitizer's interface for debuggers.
extern "C" {
int __tsan_get_report_data(void* report, const char** description, int* count, int* stack_count,
                           int* mop_count, int* loc_count, int* mutex_count, int* thread_count,
                           int* unique_tid_count, void** sleep_trace, unsigned long trace_size);
int __tsan_get_report_thread(void* report, unsigned long index, int* tid, unsigned long* os_id,
                             int* running, const char** name, int* parent_tid, void** trace,
                             unsigned long trace_size);
}

namespace weft::race_programs {
namespace {

// Counted by __tsan_on_report(). Relaxed, so that it orders nothing.
std::atomic<int> reports{0};

// What reports have said of fibers since the last one was looked at. Written in the middle of the
// sanitizer's work, where nothing can be allocated.
struct ReportedFiber {
  char name[64];
  bool started_somewhere;
};
constexpr int kMaxReported = 8;
ReportedFiber reported[kMaxReported];
std::atomic<int> reported_count{0};

constexpr int kRounds = 20;

class RaceTest : public ::testing::TestWithParam<std::pair<Program, int>> {};

int ReportsOf(void (*run)()) {
  const int before = reports.load(std::memory_order_relaxed);
  testing::RunInFiber(run);
  return reports.load(std::memory_order_relaxed) - before;
}

class RacyTest : public RaceTest {};

TEST_P(RacyTest, IsReportedEveryTime) {
  const auto& [program, workers] = GetParam();
  GOMAXPROCS(workers);
  for (int round = 0; round < kRounds; ++round) {
    EXPECT_GE(ReportsOf(program.run), 1) << "round " << round;
  }
}

class CorrectTest : public RaceTest {};

TEST_P(CorrectTest, IsNeverReported) {
  const auto& [program, workers] = GetParam();
  GOMAXPROCS(workers);
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_EQ(ReportsOf(program.run), 0) << "round " << round;
  }
}

TEST(ReportTest, NamesBothFibersAndWhereTheyWereStarted) {
  reported_count = 0;
  const int reports_made = ReportsOf([] {
    static int x = 0;
    for (const char* name : {"first", "second"}) {
      std::atomic<bool> ended{false};  // relaxed: orders nothing
      Go({.name = name}, [&ended] {
        Write(x);
        ended.store(true, std::memory_order_relaxed);
      });
      while (!ended.load(std::memory_order_relaxed)) Gosched();
    }
  });
  EXPECT_GE(reports_made, 1);
  ASSERT_GE(reported_count, 2);
  std::string names;
  for (int i = 0; i < reported_count; ++i) {
    names += std::string(reported[i].name) + ";";
    EXPECT_TRUE(reported[i].started_somewhere) << reported[i].name;
  }
  EXPECT_NE(names.find(" first;"), std::string::npos) << names;
  EXPECT_NE(names.find(" second;"), std::string::npos) << names;
}

using Cases = std::vector<std::pair<Program, int>>;

Cases AtOneAndFourWorkers(std::initializer_list<absl::Span<const Program>> lists) {
  Cases all;
  for (const auto& programs : lists) {
    for (const Program& program : programs) {
      all.emplace_back(program, 1);
      if (!program.one_worker) all.emplace_back(program, 4);
    }
  }
  return all;
}

std::string NameOf(const ::testing::TestParamInfo<std::pair<Program, int>>& info) {
  return std::string(info.param.first.name) + "_" + std::to_string(info.param.second);
}

INSTANTIATE_TEST_SUITE_P(Programs, RacyTest,
                         ::testing::ValuesIn(AtOneAndFourWorkers({Racy(), RacyInBubble()})),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Programs, CorrectTest,
                         ::testing::ValuesIn(AtOneAndFourWorkers(
                             {CorrectWithChannels(), CorrectWithSync(), CorrectInBubble()})),
                         NameOf);

}  // namespace
}  // namespace weft::race_programs

extern "C" __attribute__((no_sanitize("thread"))) void __tsan_on_report(void* report) {
  using namespace weft::race_programs;
  reports.fetch_add(1, std::memory_order_relaxed);
  const char* description;
  int count, stacks, accesses, locations, mutexes, threads, tids;
  void* sleep[1];
  __tsan_get_report_data(report, &description, &count, &stacks, &accesses, &locations, &mutexes,
                         &threads, &tids, sleep, 1);
  for (int i = 0; i < threads; ++i) {
    const int at = reported_count.load(std::memory_order_relaxed);
    if (at == kMaxReported) return;
    int tid, running, parent;
    unsigned long os_id;
    const char* name;
    void* trace[8] = {};
    __tsan_get_report_thread(report, static_cast<unsigned long>(i), &tid, &os_id, &running, &name,
                             &parent, trace, 8);
    ReportedFiber& fiber = reported[at];
    size_t length = 0;
    for (; name != nullptr && name[length] != 0 && length < sizeof fiber.name - 1; ++length) {
      fiber.name[length] = name[length];
    }
    fiber.name[length] = 0;
    fiber.started_somewhere = trace[0] != nullptr;
    reported_count.store(at + 1, std::memory_order_relaxed);
  }
}

// The sanitizer reads its options before main(), so the tests run in a second process. Each race is
// to be counted each time; the log is not for reading. The sanitizer may end a process in its own
// way, so one that has come to its end says so by a status of its own.
int main(int argc, char** argv) {
  constexpr int kPassed = 42;
  if (std::getenv("WEFT_RACE_TEST") != nullptr) {
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS() == 0 ? kPassed : 1;
  }
  setenv("WEFT_RACE_TEST", "1", 1);
  const char* directory = std::getenv("TEST_TMPDIR");
  const std::string options =
      "halt_on_error=0:exitcode=0:suppress_equal_stacks=0:suppress_equal_addresses=0:"
      "history_size=5:log_path=" +
      std::string(directory != nullptr ? directory : "/tmp") + "/race_test";
  setenv("TSAN_OPTIONS", options.c_str(), 1);
  const pid_t child = fork();
  if (child == 0) {
    execv("/proc/self/exe", argv);
    _exit(1);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 1;
  return WIFEXITED(status) && WEXITSTATUS(status) == kPassed ? 0 : 1;
}
