// The sanitizer that a configuration names is compiled in, and stops the program.

#include <thread>

#include "gtest/gtest.h"

namespace {

[[maybe_unused]] void Race() {
  int shared = 0;
  std::thread other([&] { ++shared; });
  ++shared;
  other.join();
}

[[maybe_unused]] void UseAfterFree() {
  int* volatile p = new int(1);
  delete p;
  *p = 2;
}

TEST(SanitizerTest, SelectSeesTheConfiguration) {
#if defined(__SANITIZE_THREAD__)
  EXPECT_EQ(EXPECT_TSAN, 1);
#elif defined(__SANITIZE_ADDRESS__)
  EXPECT_EQ(EXPECT_ASAN, 1);
#elif defined(EXPECT_TSAN) || defined(EXPECT_ASAN)
  FAIL() << "the configuration names a sanitizer and the compiler does not";
#endif
}

#if defined(__SANITIZE_THREAD__)
TEST(SanitizerDeathTest, ReportsARace) { EXPECT_DEATH(Race(), "data race"); }
#elif defined(__SANITIZE_ADDRESS__)
TEST(SanitizerDeathTest, ReportsUseAfterFree) { EXPECT_DEATH(UseAfterFree(), "heap-use-after-free"); }
#endif

}  // namespace
