// How much processor time the control group of this process may use: the CPU quota of Linux, by
// which containers are limited.
//
// The functions that parse take the text of the kernel's files, so that they can be tested on
// recorded ones. cgroups(7) and proc_pid_mountinfo(5) describe the formats.
//
// Go: internal/runtime/cgroup. As there, only the group that the process is in is asked, not those
//   above it, and it is looked for once.
#ifndef WEFT_SCHED_INTERNAL_CGROUP_H_
#define WEFT_SCHED_INTERNAL_CGROUP_H_

#include <optional>
#include <string>
#include <string_view>

namespace weft::sched_internal {

// A control group that limits processor time.
struct CpuGroup {
  int version = 0;   // 1 or 2
  std::string path;  // within its hierarchy; begins with '/'
};

// From /proc/self/cgroup. The version 1 hierarchy with the controller "cpu" if there is one, else
// the version 2 hierarchy. Null: neither, or a line that is no such line.
std::optional<CpuGroup> ParseCpuGroup(std::string_view proc_self_cgroup);

// From /proc/self/mountinfo: the directory of `group`. Null: no mount point shows it, or a line
// that is no such line.
std::optional<std::string> FindCpuGroupDirectory(std::string_view mountinfo, const CpuGroup& group);

// From cpu.max (version 2): processors, on average. Null: no limit, or no such file.
std::optional<double> ParseCpuMax(std::string_view cpu_max);

// From cpu.cfs_quota_us and cpu.cfs_period_us (version 1). As above.
std::optional<double> ParseCfsQuota(std::string_view quota, std::string_view period);

// The default GOMAXPROCS for so many processors in the affinity mask: at most the quota, rounded
// up, but the quota never makes it less than two.
int LimitProcessors(int affinity, std::optional<double> quota);

// The quota of this process. No file is kept open: a program may close all that it does not know.
class CpuQuota {
 public:
  // `root` is prepended to every path that is opened; empty outside of tests.
  explicit CpuQuota(std::string root = "");

  // As it is now. Null: none.
  std::optional<double> Read() const;

 private:
  int version_ = 0;        // 0: no group
  std::string directory_;  // of the group
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_CGROUP_H_
