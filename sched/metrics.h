// metrics.h: what the scheduler counts, under the names that Go gives it.
//
// Go: runtime/metrics, the part that is the scheduler's. Names are Go's to the letter, so that
//   dashboards stay as they are; a goroutine is a fiber. There are no /sched/pauses/…: nothing here
//   stops the world.
//
// Thread safety: yes.
// Blocks: nothing but a short SpinLock.
// Ordering: none. The values of one call are not of one instant: the states of fibers need not sum
//   up to their number.
// Lifetime: names and descriptions are static.
// Misuse: an unknown name reads as std::monostate.
// Cost: of a call, some microseconds, more with more processors and threads. What is counted costs
//   no locked instruction; latencies are sampled, one fiber of 256 that become runnable.
//
//   std::vector<weft::MetricSample> samples = {{"/sched/goroutines:goroutines"}};
//   weft::ReadMetrics(samples);
//   std::printf("%lu\n", std::get<uint64_t>(samples[0].value));
#ifndef WEFT_SCHED_METRICS_H_
#define WEFT_SCHED_METRICS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/types/span.h"

namespace weft {

// counts[i] is how many values were in [buckets[i], buckets[i + 1]). The last bound is infinite.
struct MetricHistogram {
  std::vector<double> buckets;
  std::vector<uint64_t> counts;
};

enum class MetricKind : uint8_t { kUint64, kFloat64Histogram };

struct MetricDescription {
  std::string_view name;  // path and unit: "/sched/latencies:seconds"
  std::string_view description;
  MetricKind kind;
  bool cumulative;  // never decreases
};

struct MetricSample {
  std::string name;
  std::variant<std::monostate, uint64_t, MetricHistogram> value = {};
};

// All that there are, by name.
absl::Span<const MetricDescription> AllMetrics();

// Fills in the values of `samples`, by their names.
void ReadMetrics(absl::Span<MetricSample> samples);

}  // namespace weft

#endif  // WEFT_SCHED_METRICS_H_
