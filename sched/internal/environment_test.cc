// The CPU quota of control groups, on files as kernels and container runtimes write them, and
// WEFT_DEBUG.
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "weft/sched/internal/cgroup.h"
#include "weft/sched/internal/debug_options.h"

namespace weft::sched_internal {
namespace {

constexpr char kUnifiedMount[] =
    "24 28 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw\n"
    "30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 "
    "rw,nsdelegate,memory_recursiveprot\n";

// Version 1 as Docker shows it inside of a container, without a cgroup name space.
constexpr char kDockerCgroup[] =
    "12:cpuset:/docker/4f1e\n"
    "11:cpu,cpuacct:/docker/4f1e\n"
    "10:memory:/docker/4f1e\n"
    "1:name=systemd:/docker/4f1e\n"
    "0::/system.slice/containerd.service\n";
constexpr char kDockerMount[] =
    "688 650 0:60 / / rw,relatime master:270 - overlay overlay rw,lowerdir=/a:/b,workdir=/c\n"
    "694 692 0:33 /docker/4f1e /sys/fs/cgroup/cpuset ro,nosuid master:14 - cgroup cgroup "
    "rw,cpuset\n"
    "695 692 0:34 /docker/4f1e /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:15 - cgroup cgroup "
    "rw,cpu,cpuacct\n";

std::string PathOf(const char* proc_self_cgroup) {
  const auto group = ParseCpuGroup(proc_self_cgroup);
  return group ? std::to_string(group->version) + " " + group->path : "none";
}

std::string DirectoryOf(const std::string& mountinfo, int version, const char* path) {
  return FindCpuGroupDirectory(mountinfo, CpuGroup{version, path}).value_or("none");
}

// A line of mountinfo for a version 2 hierarchy.
std::string UnifiedLine(const std::string& root, const std::string& point) {
  return "30 24 0:26 " + root + " " + point + " rw - cgroup2 cgroup2 rw\n";
}

TEST(CpuGroupTest, UnifiedHierarchy) {
  EXPECT_EQ(PathOf("0::/user.slice/user-1000.slice/session-2.scope\n"),
            "2 /user.slice/user-1000.slice/session-2.scope");
  EXPECT_EQ(PathOf("0::/\n"), "2 /");
}

TEST(CpuGroupTest, ControllerInAnOldHierarchyWins) {
  EXPECT_EQ(PathOf(kDockerCgroup), "1 /docker/4f1e");
  EXPECT_EQ(PathOf("0::/two\n3:cpu:/one\n"), "1 /one");
  EXPECT_EQ(PathOf("3:cpuacct,cpu:/last\n"), "1 /last");
}

TEST(CpuGroupTest, SimilarControllersAreOthers) {
  EXPECT_EQ(PathOf("3:cpuset,cpuacct:/one\n0::/two\n"), "2 /two");
  EXPECT_EQ(PathOf("3:cpuset:/one\n"), "none");
  EXPECT_EQ(PathOf("1:name=cpu:/one\n"), "none");
}

TEST(CpuGroupTest, PathsMayHoldColonsAndBlanks) {
  EXPECT_EQ(PathOf("0::/a:b/c d\n"), "2 /a:b/c d");
}

TEST(CpuGroupTest, LastLineMayLackItsEnd) { EXPECT_EQ(PathOf("0::/a"), "2 /a"); }

TEST(CpuGroupTest, MalformedIsNone) {
  for (const char* text :
       {"", "\n", "0", "0:", "0::", "0:/a\n", "0::a\n", "0::/a\n\n", "0::/a\nx"}) {
    EXPECT_EQ(PathOf(text), "none") << '"' << text << '"';
  }
}

TEST(CpuGroupDirectoryTest, UnifiedHierarchy) {
  EXPECT_EQ(DirectoryOf(kUnifiedMount, 2, "/user.slice"), "/sys/fs/cgroup/user.slice");
  EXPECT_EQ(DirectoryOf(kUnifiedMount, 2, "/"), "/sys/fs/cgroup");
}

TEST(CpuGroupDirectoryTest, MountThatShowsOneGroupOnly) {
  EXPECT_EQ(DirectoryOf(kDockerMount, 1, "/docker/4f1e"), "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(DirectoryOf(kDockerMount, 1, "/docker/4f1e/sub"), "/sys/fs/cgroup/cpu,cpuacct/sub");
  EXPECT_EQ(DirectoryOf(kDockerMount, 1, "/docker/4f1efg"), "none");
  EXPECT_EQ(DirectoryOf(kDockerMount, 1, "/docker"), "none");
}

TEST(CpuGroupDirectoryTest, VersionDecidesTheFileSystem) {
  EXPECT_EQ(DirectoryOf(kDockerMount, 2, "/docker/4f1e"), "none");
  EXPECT_EQ(DirectoryOf(kUnifiedMount, 1, "/"), "none");
}

TEST(CpuGroupDirectoryTest, FirstMountThatShowsTheGroupIsTaken) {
  EXPECT_EQ(
      DirectoryOf(UnifiedLine("/other", "/x") + UnifiedLine("/a", "/y") + UnifiedLine("/", "/z"), 2,
                  "/a/b"),
      "/y/b");
}

TEST(CpuGroupDirectoryTest, OutsideOfTheNameSpace) {
  EXPECT_EQ(DirectoryOf(UnifiedLine("/", "/c"), 2, "/../sibling"), "none");
  EXPECT_EQ(DirectoryOf(UnifiedLine("/..", "/c"), 2, "/../../init"), "none");
  EXPECT_EQ(DirectoryOf(UnifiedLine("/../..", "/c"), 2, "/../../init"), "/c/init");
}

TEST(CpuGroupDirectoryTest, EscapedCharacters) {
  EXPECT_EQ(DirectoryOf(UnifiedLine("/a\\040b", "/mnt\\011x\\134"), 2, "/a b/c"), "/mnt\tx\\/c");
  EXPECT_EQ(DirectoryOf(UnifiedLine("/", "/mnt\\04"), 2, "/a"), "none");
  EXPECT_EQ(DirectoryOf(UnifiedLine("/", "/mnt\\089"), 2, "/a"), "none");
  EXPECT_EQ(DirectoryOf(UnifiedLine("/", "/mnt\\777"), 2, "/a"), "none");
}

TEST(CpuGroupDirectoryTest, OptionalFieldsOfAnyNumber) {
  EXPECT_EQ(DirectoryOf("1 2 0:3 / /c rw - cgroup2 none rw\n", 2, "/"), "/c");
  EXPECT_EQ(DirectoryOf("1 2 0:3 / /c rw shared:1 master:2 unbindable - cgroup2 none rw\n", 2, "/"),
            "/c");
}

TEST(CpuGroupDirectoryTest, MalformedIsNone) {
  for (const char* line :
       {"\n", "1\n", "1 2 0:3\n", "1 2 0:3 /\n", "1 2 0:3 / /c rw\n", "1 2 0:3 / /c rw cgroup2\n",
        "1 2 0:3 x /c rw - cgroup2 none rw\n", "1 2 0:3 / /c rw - cgroup2\n"}) {
    EXPECT_EQ(DirectoryOf(line, 2, "/"), "none") << line;
    EXPECT_EQ(DirectoryOf(line + UnifiedLine("/", "/c"), 2, "/"), "none") << line;
  }
  EXPECT_EQ(DirectoryOf("", 2, "/"), "none");
}

TEST(CpuMaxTest, QuotaOverPeriod) {
  EXPECT_EQ(ParseCpuMax("150000 100000\n"), 1.5);
  EXPECT_EQ(ParseCpuMax("1000 1000000\n"), 0.001);
  EXPECT_EQ(ParseCpuMax("0 100000\n"), 0.0);
}

TEST(CpuMaxTest, NoLimit) { EXPECT_EQ(ParseCpuMax("max 100000\n"), std::nullopt); }

TEST(CpuMaxTest, MalformedIsNoLimit) {
  for (const char* text : {"", "\n", "max", "100000", "100000\n", "a 100000\n", "100000 b\n",
                           "100000 0\n", "100000 -5\n", "-1 100000\n", "100000 100000",
                           " 100000 100000\n", "99999999999999999999 100000\n", "1e5 100000\n"}) {
    EXPECT_EQ(ParseCpuMax(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(CfsQuotaTest, QuotaOverPeriod) {
  EXPECT_EQ(ParseCfsQuota("250000\n", "100000\n"), 2.5);
  EXPECT_EQ(ParseCfsQuota("-1\n", "100000\n"), std::nullopt);
}

TEST(CfsQuotaTest, MalformedIsNoLimit) {
  for (const char* text : {"", "\n", "5", "x\n", "5 \n", "-\n", "0x5\n"}) {
    EXPECT_EQ(ParseCfsQuota(text, "100000\n"), std::nullopt) << '"' << text << '"';
    EXPECT_EQ(ParseCfsQuota("100000\n", text), std::nullopt) << '"' << text << '"';
  }
  EXPECT_EQ(ParseCfsQuota("100000\n", "0\n"), std::nullopt);
}

TEST(LimitProcessorsTest, QuotaIsRoundedUpAndNeverLeavesLessThanTwo) {
  EXPECT_EQ(LimitProcessors(8, std::nullopt), 8);
  EXPECT_EQ(LimitProcessors(8, 3.0), 3);
  EXPECT_EQ(LimitProcessors(8, 3.01), 4);
  EXPECT_EQ(LimitProcessors(8, 0.5), 2);
  EXPECT_EQ(LimitProcessors(8, 0.0), 2);
  EXPECT_EQ(LimitProcessors(8, 100.0), 8);
  EXPECT_EQ(LimitProcessors(8, 1e300), 8);
  EXPECT_EQ(LimitProcessors(1, 0.5), 1);
}

// A tree of files in place of /proc and /sys.
class CpuQuotaTest : public ::testing::Test {
 protected:
  CpuQuotaTest() {
    std::string pattern = ::testing::TempDir() + "/cgroupXXXXXX";
    root_ = mkdtemp(pattern.data());
    for (const char* directory : {"/proc", "/proc/self", "/c", "/c/slice", "/c/slice/leaf"}) {
      mkdir((root_ + directory).c_str(), 0700);
    }
  }

  void Write(const std::string& path, const std::string& text) {
    std::ofstream(root_ + path, std::ios::trunc) << text;
  }

  std::string root_;
};

TEST_F(CpuQuotaTest, LaterChangesAreSeen) {
  Write("/proc/self/cgroup", "0::/slice\n");
  Write("/proc/self/mountinfo", UnifiedLine("/", "/c"));
  Write("/c/slice/cpu.max", "max 100000\n");
  const CpuQuota quota(root_);
  EXPECT_EQ(quota.Read(), std::nullopt);
  Write("/c/slice/cpu.max", "250000 100000\n");
  EXPECT_EQ(quota.Read(), 2.5);
}

TEST_F(CpuQuotaTest, LimitsAboveTheGroupAreNotAskedFor) {
  Write("/proc/self/cgroup", "0::/slice/leaf\n");
  Write("/proc/self/mountinfo", UnifiedLine("/", "/c"));
  Write("/c/slice/cpu.max", "100000 100000\n");
  Write("/c/slice/leaf/cpu.max", "400000 100000\n");
  EXPECT_EQ(CpuQuota(root_).Read(), 4.0);
  Write("/c/slice/leaf/cpu.max", "max 100000\n");
  EXPECT_EQ(CpuQuota(root_).Read(), std::nullopt);
}

TEST_F(CpuQuotaTest, OldHierarchy) {
  Write("/proc/self/cgroup", "4:cpu,cpuacct:/x/slice\n0::/y\n");
  Write("/proc/self/mountinfo", "5 4 0:9 /x /c rw - cgroup cgroup rw,cpu,cpuacct\n");
  Write("/c/slice/cpu.cfs_quota_us", "350000\n");
  EXPECT_EQ(CpuQuota(root_).Read(), std::nullopt);  // no period
  Write("/c/slice/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(CpuQuota(root_).Read(), 3.5);
}

TEST_F(CpuQuotaTest, MissingFilesAreNoLimit) {
  EXPECT_EQ(CpuQuota(root_).Read(), std::nullopt);
  Write("/proc/self/cgroup", "0::/slice\n");
  EXPECT_EQ(CpuQuota(root_).Read(), std::nullopt);
  Write("/proc/self/mountinfo", UnifiedLine("/", "/c"));
  EXPECT_EQ(CpuQuota(root_).Read(), std::nullopt);  // the root group has no cpu.max
}

TEST(DebugOptionsTest, PairsWithCommas) {
  const DebugOptions options = ParseDebugOptions(
      "x=1,containermaxprocs=0,updatemaxprocs=3,schedtrace=4,scheddetail=5,heldlocks=6");
  EXPECT_EQ(options.containermaxprocs, 0);
  EXPECT_EQ(options.updatemaxprocs, 3);
  EXPECT_EQ(options.schedtrace, 4);
  EXPECT_EQ(options.scheddetail, 5);
  EXPECT_EQ(options.heldlocks, 6);
}

TEST(DebugOptionsTest, LastOneCounts) {
  EXPECT_EQ(ParseDebugOptions("updatemaxprocs=0,updatemaxprocs=1").updatemaxprocs, 1);
}

TEST(DebugOptionsTest, WhatIsNoNumberIsIgnored) {
  for (const char* text : {"", ",", ",,", "updatemaxprocs", "updatemaxprocs=", "updatemaxprocs=x",
                           "updatemaxprocs=0x", "=0", " updatemaxprocs=0"}) {
    EXPECT_EQ(ParseDebugOptions(text).updatemaxprocs, 1) << '"' << text << '"';
  }
}

}  // namespace
}  // namespace weft::sched_internal
