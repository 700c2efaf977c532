#include "weft/sched/testing/sim_gtest.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest-spi.h"
#include "weft/sched/testing/sim_runner.h"

namespace weft::sim {
namespace {

// Catches the failed expectations of this thread while it lives.
class Catcher {
 public:
  Catcher() { Renew(); }

  // What was caught since the last call, by place: a message may tell what differs from run to run.
  std::string Take() {
    std::string text;
    for (int i = 0; i < caught_->size(); ++i) {
      const ::testing::TestPartResult& part = caught_->GetTestPartResult(i);
      if (!part.failed()) continue;
      absl::StrAppend(&text, part.file_name() == nullptr ? "?" : part.file_name(), ":",
                      part.line_number(), ": Failure\n", part.message(), "\n");
    }
    Renew();
    return text;
  }

 private:
  void Renew() {
    reporter_.reset();
    caught_ = std::make_unique<::testing::TestPartResultArray>();
    reporter_ = std::make_unique<::testing::ScopedFakeTestPartResultReporter>(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, caught_.get());
  }

  std::unique_ptr<::testing::TestPartResultArray> caught_;
  std::unique_ptr<::testing::ScopedFakeTestPartResultReporter> reporter_;
};

}  // namespace

void RunTest(const Options& options, const std::function<void()>& body) {
  Result result;
  {
    Catcher catcher;
    result = sim_internal::RunWithVerdict(FromEnvironment(options), body,
                                          [&catcher] { return catcher.Take(); });
  }
  if (!result.passed) ADD_FAILURE() << result.report;
}

}  // namespace weft::sim
