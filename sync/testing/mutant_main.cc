// The main program of a model test whose code has been broken on purpose: it succeeds if some of
// its tests fail, and with the words that are expected.
//
//   mutant_test WORDS
#include <cstdio>
#include <string>

#include "gtest/gtest.h"

namespace {

// Remembers what failed, and keeps the reports off the log.
class Failures : public testing::EmptyTestEventListener {
 public:
  explicit Failures(std::string words) : words_(std::move(words)) {}

  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (result.failed() && std::string(result.message()).find(words_) != std::string::npos)
      found_ = true;
  }
  void OnTestEnd(const testing::TestInfo& test) override {
    if (test.result()->Failed()) std::printf("%s.%s: found\n", test.test_suite_name(), test.name());
  }

  bool found() const { return found_; }

 private:
  const std::string words_;
  bool found_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  auto* const failures = new Failures(argc > 1 ? argv[1] : "");
  testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  listeners.Append(failures);
  if (RUN_ALL_TESTS() != 0 && failures->found()) return 0;
  std::fprintf(stderr, "no test of this program has found the mutant\n");
  return 1;
}
