#include "weft/sched/metrics.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/blocking.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/latency_histogram.h"
#include "weft/sched/main.h"
#include "weft/sched/park.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/timer.h"

namespace weft {
namespace {

using sched_internal::LatencyHistogram;
using ::testing::ExitedWithCode;

uint64_t Read(const char* name) {
  std::vector<MetricSample> samples = {{name}};
  ReadMetrics(absl::MakeSpan(samples));
  return std::get<uint64_t>(samples[0].value);
}

MetricHistogram ReadLatencies() {
  std::vector<MetricSample> samples = {{"/sched/latencies:seconds"}};
  ReadMetrics(absl::MakeSpan(samples));
  return std::get<MetricHistogram>(samples[0].value);
}

// How many latencies were at least so many seconds.
uint64_t CountFrom(const MetricHistogram& histogram, double seconds) {
  uint64_t count = 0;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    if (histogram.buckets[i] >= seconds) count += histogram.counts[i];
  }
  return count;
}

using MetricsTest = testing::FiberTest;
using MetricsWorkerTest = testing::WorkerTest;

TEST_F(MetricsTest, AllCanBeReadAndAreInOrder) {
  std::string former;
  for (const MetricDescription& metric : AllMetrics()) {
    EXPECT_LT(former, metric.name);
    former = metric.name;
    EXPECT_FALSE(metric.description.empty());
    std::vector<MetricSample> samples = {{former}};
    ReadMetrics(absl::MakeSpan(samples));
    const bool number = std::holds_alternative<uint64_t>(samples[0].value);
    EXPECT_EQ(number, metric.kind == MetricKind::kUint64) << former;
    EXPECT_FALSE(std::holds_alternative<std::monostate>(samples[0].value)) << former;
  }
}

TEST_F(MetricsTest, UnknownNameReadsAsNothing) {
  std::vector<MetricSample> samples = {{"/sched/nonsense:seconds", uint64_t{1}}};
  ReadMetrics(absl::MakeSpan(samples));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(samples[0].value));
}

TEST_P(MetricsWorkerTest, FibersByState) {
  testing::RunInFiber([] {
    const uint64_t created = Read("/sched/goroutines-created:goroutines");
    std::atomic<Parkable*> parked[5] = {};
    for (auto& slot : parked) {
      Go([&slot] {
        slot = CurrentParkable();
        Park(WaitReason::kForever);
      });
    }
    std::atomic<bool> inside{false};
    std::atomic<bool> leave{false};
    Go([&] {
      Blocking([&] {
        inside = true;
        while (!leave) {
        }
      });
    });
    // Numbers that are not of one instant: a fiber between queue and worker seems to wait.
    const auto settled = [&] {
      return inside && std::all_of(std::begin(parked), std::end(parked),
                                   [](const auto& slot) { return slot != nullptr; }) &&
             Read("/sched/goroutines/waiting:goroutines") == 5 &&
             Read("/sched/goroutines/running:goroutines") == 1 &&
             Read("/sched/goroutines/runnable:goroutines") == 0;
    };
    while (!settled()) Gosched();
    EXPECT_EQ(Read("/sched/goroutines-created:goroutines") - created, 6u);
    EXPECT_EQ(Read("/sched/goroutines:goroutines"), 7u);
    EXPECT_EQ(Read("/sched/goroutines/running:goroutines"), 1u);
    EXPECT_EQ(Read("/sched/goroutines/not-in-go:goroutines"), 1u);
    EXPECT_EQ(Read("/sched/goroutines/runnable:goroutines"), 0u);
    EXPECT_EQ(Read("/sched/gomaxprocs:threads"), static_cast<uint64_t>(GetParam()));
    EXPECT_GE(Read("/sched/threads/total:threads"), 3u);  // two workers and the monitor
    leave = true;
    for (auto& slot : parked) Ready(slot);
    while (NumFiber() > 1) Gosched();  // they use this frame
  });
}

INSTANTIATE_TEST_SUITE_P(Workers, MetricsWorkerTest, testing::kWorkerCounts);

TEST_F(MetricsTest, QueuedFibersAreRunnableAndTheirWaitIsMeasured) {
  GOMAXPROCS(1);
  testing::RunInFiber([] {
    constexpr int kFibers = 512;  // of which two are sampled
    constexpr int64_t kWaitNs = 2'000'000;
    const MetricHistogram before = ReadLatencies();
    for (int i = 0; i < kFibers; ++i) Go([] {});
    const int64_t until = MonotonicNanos() + kWaitNs;
    while (MonotonicNanos() < until) {
    }
    const uint64_t runnable = Read("/sched/goroutines/runnable:goroutines");
    while (NumFiber() > 1) Gosched();
    // Starting them may have lasted for a time slice, at whose end they run.
    EXPECT_LE(runnable, 512u);
    const MetricHistogram after = ReadLatencies();
    EXPECT_GE(CountFrom(after, 0) - CountFrom(before, 0), 2u);
    // Whenever they were still queued after the wait, the sampled ones had waited as long.
    if (runnable == kFibers) {
      EXPECT_GE(CountFrom(after, 0.0015) - CountFrom(before, 0.0015), 2u);
    }
  });
}

TEST_F(MetricsTest, BoundsOfLatenciesIncreaseToInfinity) {
  const MetricHistogram histogram = ReadLatencies();
  ASSERT_EQ(histogram.buckets.size(), histogram.counts.size() + 1);
  for (size_t i = 1; i < histogram.buckets.size(); ++i) {
    EXPECT_LT(histogram.buckets[i - 1], histogram.buckets[i]);
  }
  EXPECT_EQ(histogram.buckets.front(), 0.0);
  EXPECT_EQ(histogram.buckets.back(), std::numeric_limits<double>::infinity());
}

TEST(LatencyHistogramTest, RangesMeetWithoutGaps) {
  EXPECT_EQ(LatencyHistogram::Range(-5), 0);
  EXPECT_EQ(LatencyHistogram::Range(0), 0);
  EXPECT_EQ(LatencyHistogram::LowerBound(1), 64);
  for (int range = 1; range < LatencyHistogram::kRanges; ++range) {
    const int64_t bound = LatencyHistogram::LowerBound(range);
    EXPECT_EQ(LatencyHistogram::Range(bound), range);
    EXPECT_EQ(LatencyHistogram::Range(bound - 1), range - 1);
  }
  EXPECT_EQ(LatencyHistogram::LowerBound(LatencyHistogram::kRanges - 1), int64_t{1} << 36);
  EXPECT_EQ(LatencyHistogram::Range(std::numeric_limits<int64_t>::max()),
            LatencyHistogram::kRanges - 1);
}

// Runs long enough to be traced, with one fiber that waits.
[[noreturn]] void TracedProgram(const char* options) {
  setenv("WEFT_DEBUG", options, 1);
  setenv("WEFT_MAXPROCS", "2", 1);
  char name[] = "program";
  char* arguments[] = {name, nullptr};
  std::exit(Main(1, arguments, [] {
    Go([] { Park(WaitReason::kChanReceive); });
    Sleep(absl::Milliseconds(300));
  }));
}

class SchedTraceDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(SchedTraceDeathTest, LineIsAsGoPrintsIt) {
  EXPECT_EXIT(TracedProgram("schedtrace=10"), ExitedWithCode(0),
              "^SCHED 0ms: gomaxprocs=2 idleprocs=[0-2] threads=[0-9]+ spinningthreads=[0-9]+ "
              "needspinning=0 idlethreads=[0-9]+ runqueue=[0-9]+ \\[ [0-9]+ [0-9]+ \\] "
              "schedticks=\\[ [0-9]+ [0-9]+ \\]\nSCHED [1-9][0-9]*ms: gomaxprocs=2 ");
}

TEST_F(SchedTraceDeathTest, DetailListsProcessorsWorkersAndFibers) {
  EXPECT_EXIT(
      TracedProgram("schedtrace=10,scheddetail=1"), ExitedWithCode(0),
      "SCHED [0-9]+ms: .* runqueue=0 gcwaiting=false nmidlelocked=0 stopwait=0 sysmonwait=false\n"
      "  P0: status=[01] schedtick=[0-9]+ syscalltick=0 m=(nil|[0-9]+) runqsize=0 gfreecnt=[0-9]+ "
      "timerslen=[01]\n"
      "  P1: .*\n"
      "  M[0-9]+: p=(nil|[0-9]+) curg=(nil|[0-9]+) mallocing=0 throwing=0 preemptoff= locks=0 "
      "dying=0 spinning=(true|false) blocked=(true|false) lockedg=nil\n"
      "(.|\n)*  G1: status=4\\(sleep\\) m=nil lockedm=nil\n"
      "(.|\n)*  G[0-9]+: status=4\\(chan receive\\) m=nil lockedm=nil\n");
}

TEST_F(SchedTraceDeathTest, OffUnlessAskedFor) {
  EXPECT_EXIT(TracedProgram("scheddetail=1"), ExitedWithCode(0), "^$");
}

}  // namespace
}  // namespace weft
