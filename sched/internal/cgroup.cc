#include "weft/sched/internal/cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace weft::sched_internal {
namespace {

// Removes and returns what comes before the first `separator`. Null: there is none.
std::optional<std::string_view> Cut(std::string_view& text, std::string_view separator) {
  const size_t end = text.find(separator);
  if (end == text.npos) return std::nullopt;
  const std::string_view head = text.substr(0, end);
  text.remove_prefix(end + separator.size());
  return head;
}

// Removes and returns one line. The last one may lack its end.
std::string_view CutLine(std::string_view& text) {
  if (const auto line = Cut(text, "\n")) return *line;
  return std::exchange(text, {});
}

bool ListHasCpu(std::string_view list) {
  while (const auto item = Cut(list, ",")) {
    if (*item == "cpu") return true;
  }
  return list == "cpu";
}

// A decimal number that ends its line, as the kernel writes it.
std::optional<int64_t> ParseNumber(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const int digit = c - '0';
    if (value > (std::numeric_limits<int64_t>::max() - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

std::optional<double> Ratio(std::optional<int64_t> quota, std::optional<int64_t> period) {
  if (!quota || !period || *quota < 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// mountinfo writes blanks and backslashes of a path as a backslash and three octal digits.
std::optional<std::string> Unescape(std::string_view text) {
  std::string path;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      path += text[i];
      continue;
    }
    if (text.size() - i < 4) return std::nullopt;
    int code = 0;
    for (const char c : text.substr(i + 1, 3)) {
      if (c < '0' || c > '7') return std::nullopt;
      code = code * 8 + (c - '0');
    }
    if (code > 255) return std::nullopt;
    path += static_cast<char>(code);
    i += 3;
  }
  return path;
}

// Whether `path` is `ancestor` or lies beneath it.
bool IsWithin(std::string_view path, std::string_view ancestor) {
  if (ancestor == "/") return true;
  return path.starts_with(ancestor) &&
         (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

// What of a line of mountinfo says where a hierarchy can be seen.
struct Mount {
  std::string_view root;   // of the file system: the group that is shown at `point`
  std::string_view point;  // a directory
  std::string_view type;
  std::string_view options;  // of the file system
};

std::optional<Mount> ParseMount(std::string_view line) {
  for (int i = 0; i < 3; ++i) {
    if (!Cut(line, " ")) return std::nullopt;  // two ids, a device
  }
  const auto root = Cut(line, " ");
  const auto point = Cut(line, " ");
  if (!root || !point || !root->starts_with('/')) return std::nullopt;
  // The options of the mount, and a list of optional fields of any length, to a lone dash.
  if (!Cut(line, " - ")) return std::nullopt;
  const auto type = Cut(line, " ");
  if (!type) return std::nullopt;
  // What follows the source. Other file systems may have none.
  const bool has_options = Cut(line, " ").has_value();
  return Mount{*root, *point, *type, has_options ? line : std::string_view()};
}

bool ShowsHierarchy(const Mount& mount, int version) {
  if (version == 2) return mount.type == "cgroup2";
  return mount.type == "cgroup" && ListHasCpu(mount.options);
}

// The whole text of a file. Null: it cannot be read.
std::optional<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text;
  std::array<char, 4096> buffer;
  ssize_t n;
  while ((n = read(fd, buffer.data(), buffer.size())) > 0) text.append(buffer.data(), n);
  close(fd);
  if (n < 0) return std::nullopt;
  return text;
}

}  // namespace

std::optional<CpuGroup> ParseCpuGroup(std::string_view proc_self_cgroup) {
  std::optional<CpuGroup> group;
  while (!proc_self_cgroup.empty()) {
    std::string_view path = CutLine(proc_self_cgroup);
    const auto hierarchy = Cut(path, ":");
    const auto controllers = Cut(path, ":");
    if (!hierarchy || !controllers || !path.starts_with('/')) return std::nullopt;
    if (*hierarchy == "0") {
      // A controller is in one hierarchy only, so "cpu" in another one still to come wins.
      group = CpuGroup{2, std::string(path)};
    } else if (ListHasCpu(*controllers)) {
      return CpuGroup{1, std::string(path)};
    }
  }
  return group;
}

std::optional<std::string> FindCpuGroupDirectory(std::string_view mountinfo,
                                                 const CpuGroup& group) {
  while (!mountinfo.empty()) {
    const auto mount = ParseMount(CutLine(mountinfo));
    if (!mount) return std::nullopt;
    if (!ShowsHierarchy(*mount, group.version)) continue;
    const auto root = Unescape(mount->root);
    if (!root) return std::nullopt;
    if (!IsWithin(group.path, *root)) continue;
    std::string_view below = group.path;
    if (*root != "/") below.remove_prefix(root->size());
    if (below == "/") below = {};
    // Outside of what this mount shows, seen from within a cgroup name space.
    if (IsWithin(below, "/..")) continue;
    const auto point = Unescape(mount->point);
    if (!point) return std::nullopt;
    return *point + std::string(below);
  }
  return std::nullopt;
}

std::optional<double> ParseCpuMax(std::string_view cpu_max) {
  const auto quota = Cut(cpu_max, " ");
  if (!quota || *quota == "max") return std::nullopt;
  const auto period = Cut(cpu_max, "\n");
  if (!period) return std::nullopt;
  return Ratio(ParseNumber(*quota), ParseNumber(*period));
}

std::optional<double> ParseCfsQuota(std::string_view quota, std::string_view period) {
  const auto quota_line = Cut(quota, "\n");
  const auto period_line = Cut(period, "\n");
  if (!quota_line || !period_line) return std::nullopt;
  return Ratio(ParseNumber(*quota_line), ParseNumber(*period_line));
}

int LimitProcessors(int affinity, std::optional<double> quota) {
  if (!quota) return affinity;
  const double processors = std::max(2.0, std::ceil(*quota));
  return processors < affinity ? static_cast<int>(processors) : affinity;
}

CpuQuota::CpuQuota(std::string root) {
  const auto cgroup = ReadFile(root + "/proc/self/cgroup");
  const auto mountinfo = ReadFile(root + "/proc/self/mountinfo");
  if (!cgroup || !mountinfo) return;
  const auto group = ParseCpuGroup(*cgroup);
  if (!group) return;
  const auto directory = FindCpuGroupDirectory(*mountinfo, *group);
  if (!directory) return;
  version_ = group->version;
  directory_ = root + *directory;
}

std::optional<double> CpuQuota::Read() const {
  if (version_ == 2) {
    const auto cpu_max = ReadFile(directory_ + "/cpu.max");
    return cpu_max ? ParseCpuMax(*cpu_max) : std::nullopt;
  }
  if (version_ == 1) {
    const auto quota = ReadFile(directory_ + "/cpu.cfs_quota_us");
    const auto period = ReadFile(directory_ + "/cpu.cfs_period_us");
    if (quota && period) return ParseCfsQuota(*quota, *period);
  }
  return std::nullopt;
}

}  // namespace weft::sched_internal
