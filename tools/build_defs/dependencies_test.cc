#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace {

TEST(DependenciesTest, AbseilLinks) {
  EXPECT_EQ(absl::StrCat("weft ", absl::FormatDuration(absl::Milliseconds(10))), "weft 10ms");
}

}  // namespace
