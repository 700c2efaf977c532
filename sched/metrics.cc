#include "weft/sched/metrics.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "weft/sched/go.h"
#include "weft/sched/internal/latency_histogram.h"
#include "weft/sched/internal/scheduler.h"

namespace weft {
namespace {

using sched_internal::LatencyHistogram;
using sched_internal::Scheduler;

constexpr MetricDescription kMetrics[] = {
    {"/sched/gomaxprocs:threads", "GOMAXPROCS: how many fibers may run at the same time.",
     MetricKind::kUint64, false},
    {"/sched/goroutines-created:goroutines", "Fibers that were started so far.",
     MetricKind::kUint64, true},
    {"/sched/goroutines/not-in-go:goroutines", "Fibers in a BlockingRegion.", MetricKind::kUint64,
     false},
    {"/sched/goroutines/runnable:goroutines", "Fibers in run queues.", MetricKind::kUint64, false},
    {"/sched/goroutines/running:goroutines",
     "Fibers that run; more than GOMAXPROCS while some do not yield.", MetricKind::kUint64, false},
    {"/sched/goroutines/waiting:goroutines", "Fibers that are parked.", MetricKind::kUint64, false},
    {"/sched/goroutines:goroutines", "Fibers that have started and not ended.", MetricKind::kUint64,
     false},
    {"/sched/latencies:seconds", "From runnable to running, of sampled fibers.",
     MetricKind::kFloat64Histogram, true},
    {"/sched/threads/total:threads", "Threads of the runtime.", MetricKind::kUint64, false},
};

MetricHistogram Latencies(const Scheduler& scheduler) {
  MetricHistogram histogram;
  histogram.counts.resize(LatencyHistogram::kRanges);
  for (int range = 0; range < LatencyHistogram::kRanges; ++range) {
    histogram.buckets.push_back(static_cast<double>(LatencyHistogram::LowerBound(range)) * 1e-9);
    for (int i = 0; i < scheduler.allocated_processors(); ++i) {
      histogram.counts[range] += scheduler.processor(i)->latencies.count(range);
    }
  }
  histogram.buckets.push_back(std::numeric_limits<double>::infinity());
  return histogram;
}

uint64_t Number(std::string_view name, const Scheduler& scheduler,
                const Scheduler::Counts& counts) {
  if (name == "/sched/gomaxprocs:threads") return static_cast<uint64_t>(GOMAXPROCS(0));
  if (name == "/sched/goroutines-created:goroutines") return scheduler.StartedFibers();
  if (name == "/sched/goroutines/not-in-go:goroutines") return counts.blocking;
  if (name == "/sched/goroutines/runnable:goroutines") return counts.runnable;
  if (name == "/sched/goroutines/running:goroutines") return counts.running;
  if (name == "/sched/threads/total:threads") return counts.threads;
  const auto live = static_cast<uint64_t>(std::max(0, scheduler.LiveFibers()));
  if (name == "/sched/goroutines:goroutines") return live;
  // The rest is counted, and may have changed meanwhile.
  return live - std::min(live, counts.blocking + counts.runnable + counts.running);
}

}  // namespace

absl::Span<const MetricDescription> AllMetrics() { return kMetrics; }

void ReadMetrics(absl::Span<MetricSample> samples) {
  const Scheduler& scheduler = Scheduler::Instance();
  const Scheduler::Counts counts = scheduler.Count();
  for (MetricSample& sample : samples) {
    const auto* metric =
        std::find_if(std::begin(kMetrics), std::end(kMetrics),
                     [&sample](const MetricDescription& m) { return m.name == sample.name; });
    if (metric == std::end(kMetrics)) {
      sample.value = std::monostate();
    } else if (metric->kind == MetricKind::kFloat64Histogram) {
      sample.value = Latencies(scheduler);
    } else {
      sample.value = Number(metric->name, scheduler, counts);
    }
  }
}

}  // namespace weft
