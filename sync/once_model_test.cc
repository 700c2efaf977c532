// The protocol of Once under all schedules, on the C++ memory model.
#include "weft/sync/once.h"

#include "gtest/gtest.h"
#include "weft/sched/internal/spawn.h"
#include "weft/sched/testing/model_expect.h"

namespace weft {

// once.cc asks; there are no fibers here.
bool sched_internal::IsGoexitUnwinding() { return false; }

namespace {

namespace model = sched_internal::model;
using model::Program;
using model::Var;

struct State {
  Once once;
  Var<int> runs{0};
};

TEST(OnceModelTest, OneRunsAndTheOthersSeeItsEnd) {
  for (int threads : {2, 3}) {
    model::ExpectSound([threads](Program& p) {
      auto& s = p.Make<State>();
      for (int i = 0; i < threads; ++i) {
        p.Thread([&s] {
          s.once.Do([&s] { s.runs.Set(s.runs.Get() + 1); });
          model::Check(s.runs.Get() == 1);
        });
      }
    });
  }
}

}  // namespace
}  // namespace weft
