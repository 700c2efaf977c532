// Every external library that weft uses is found, compiles and links.

#include <openssl/sha.h>
#include <zlib.h>

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/debugging/stacktrace.h"
#include "absl/debugging/symbolize.h"
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/functional/function_ref.h"
#include "absl/hash/hash.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weft/tools/build_defs/probe.h"

ABSL_FLAG(int, answer, 42, "A flag.");

namespace {

using ::testing::ElementsAre;

TEST(DependenciesTest, IncludePrefix) {
  EXPECT_EQ(weft::build_defs_internal::ExactRoot(49).value(), 7);
  EXPECT_EQ(weft::build_defs_internal::ExactRoot(50).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(DependenciesTest, AbseilStringsAndTime) {
  EXPECT_EQ(absl::StrCat("weft ", absl::FormatDuration(absl::Milliseconds(10))), "weft 10ms");
  EXPECT_EQ(absl::StrFormat("%d fibers", 17), "17 fibers");
  EXPECT_GT(absl::Now(), absl::UnixEpoch());
}

TEST(DependenciesTest, AbseilContainersAndViews) {
  absl::flat_hash_map<std::string, int> map = {{"a", 1}};
  const auto sum = [](absl::Span<const int> values, absl::FunctionRef<int(int)> f) {
    int total = 0;
    for (int v : values) total += f(v);
    return total;
  };
  EXPECT_EQ(sum({1, 2, 3}, [&](int v) { return v + map["a"]; }), 9);
  EXPECT_EQ(absl::HashOf(1, 2), absl::HashOf(1, 2));
  EXPECT_THAT((std::vector<int>{1, 2}), ElementsAre(1, 2));
}

TEST(DependenciesTest, AbseilRandomAndFlags) {
  absl::BitGen random;
  EXPECT_LT(absl::Uniform(random, 0, 10), 10);
  EXPECT_EQ(absl::GetFlag(FLAGS_answer), 42);
}

TEST(DependenciesTest, AbseilNotificationAcrossThreads) {
  absl::Notification done;
  std::thread thread([&] { done.Notify(); });
  done.WaitForNotification();
  thread.join();
  EXPECT_TRUE(done.HasBeenNotified());
}

TEST(DependenciesTest, AbseilStackTraceAndSymbols) {
  void* frames[8];
  EXPECT_GT(absl::GetStackTrace(frames, 8, 0), 0);
  char name[128];
  absl::InitializeSymbolizer("/proc/self/exe");
  ASSERT_TRUE(absl::Symbolize(reinterpret_cast<const void*>(&weft::build_defs_internal::ExactRoot),
                              name, sizeof(name)));
  EXPECT_STREQ(name, "weft::build_defs_internal::ExactRoot()");
}

TEST(DependenciesTest, CryptoAndZlib) {
  const unsigned char text[] = "abc";
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(text, 3, digest);
  EXPECT_EQ(digest[0], 0xba);
  EXPECT_EQ(crc32(0, text, 3), 0x352441c2u);
}

}  // namespace
