// The sanitizer that a configuration names is compiled in, seen by select(), and stops the program.

#include <limits>
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

[[maybe_unused]] void Overflow() {
  volatile int n = std::numeric_limits<int>::max();
  n = n + 1;
}

TEST(SanitizerDeathTest, ReportsWhatItIsFor) {
#if defined(WEFT_TEST_TSAN)
  EXPECT_DEATH(Race(), "data race");
#endif
#if defined(WEFT_TEST_ASAN)
  EXPECT_DEATH(UseAfterFree(), "heap-use-after-free");
#endif
#if defined(WEFT_TEST_UBSAN)
  EXPECT_DEATH(Overflow(), "signed integer overflow");
#endif
}

}  // namespace
