#include "weft/sched/internal/environment.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "absl/strings/numbers.h"
#include "weft/sched/internal/cgroup.h"
#include "weft/sched/internal/debug_options.h"

namespace weft::sched_internal {
namespace {

int CountAffinity() {
  // 8,192 processors: more than any kernel is built for.
  constexpr int kMaxCpus = 8192;
  cpu_set_t* set = CPU_ALLOC(kMaxCpus);
  const size_t bytes = CPU_ALLOC_SIZE(kMaxCpus);
  int count = 0;
  if (sched_getaffinity(0, bytes, set) == 0) count = CPU_COUNT_S(bytes, set);
  CPU_FREE(set);
  return count > 0 ? count : std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

int AffinityProcessors() {
  static const int count = CountAffinity();
  return count;
}

int RequestedProcessors() {
  const char* text = std::getenv("WEFT_MAXPROCS");
  int n = 0;
  return text != nullptr && absl::SimpleAtoi(text, &n) && n > 0 ? n : 0;
}

int DefaultProcessors() {
  const int affinity = CountAffinity();
  if (Debug().containermaxprocs == 0) return affinity;
  static const auto* quota = new CpuQuota;
  return LimitProcessors(affinity, quota->Read());
}

}  // namespace weft::sched_internal
