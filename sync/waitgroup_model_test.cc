// The protocol of WaitGroup under all schedules, on the C++ memory model.
#include <functional>
#include <optional>
#include <string_view>

#include "gtest/gtest.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/model_expect.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

namespace model = sched_internal::model;
using model::Program;
using model::Var;

struct State {
  std::optional<WaitGroup> wg{std::in_place};
  Var<int> data[2] = {Var<int>(0), Var<int>(0)};
};

// The waiter destroys the group as soon as it may: the last Done() must be through with it.
TEST(WaitGroupModelTest, TheOnlyWaiterDestroysItAtOnce) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    s.wg->Add(2);
    for (int i = 0; i < 2; ++i) {
      p.Thread([&s, i] {
        s.data[i].Set(1);
        s.wg->Done();
      });
    }
    p.Thread([&s] {
      s.wg->Wait();
      model::Check(s.data[0].Get() + s.data[1].Get() == 2);
      s.wg.reset();
    });
  });
}

TEST(WaitGroupModelTest, AllWaitersAreReleased) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    s.wg->Add(1);
    p.Thread([&s] {
      s.data[0].Set(1);
      s.wg->Done();
    });
    for (int i = 0; i < 2; ++i) {
      p.Thread([&s] {
        s.wg->Wait();
        model::Check(s.data[0].Get() == 1);
      });
    }
  });
}

// Two rounds with one waiter: what the first leaves behind must not confuse the second.
TEST(WaitGroupModelTest, ReuseAfterTheWaitHasReturned) {
  model::ExpectSound([](Program& p) {
    auto& s = p.Make<State>();
    s.wg->Add(1);
    p.Thread([&s] { s.wg->Done(); });
    auto& second = p.Make<std::optional<WaitGroup>>(std::in_place);
    second->Add(1);
    p.Thread([&s, &second] {
      s.wg->Wait();
      s.wg->Add(1);
      second->Done();
      s.wg->Wait();
      s.wg.reset();
    });
    p.Thread([&s, &second] {
      second->Wait();
      s.wg->Done();
    });
  });
}

// A misuse that depends on the schedule: some schedule must make somebody panic, with these words.
void ExpectSomePanic(std::string_view words, const std::function<void(Program&, State&)>& threads) {
  model::ExpectBroken(
      [&](Program& p) {
        auto& s = p.Make<State>();
        s.wg->Add(1);
        threads(p, s);
      },
      words);
}

// Runs fn(), and makes a panic with `words` a failure of the execution; others do not count.
void Watch(std::string_view words, const std::function<void()>& fn) {
  try {
    fn();
  } catch (const PanicError& panic) {
    model::Check(std::string_view(panic.what()) != words, panic.what());
  }
}

TEST(WaitGroupModelTest, AddConcurrentlyWithWaitPanics) {
  static constexpr std::string_view kWords =
      "sync: WaitGroup misuse: Add called concurrently with Wait";
  ExpectSomePanic(kWords, [](Program& p, State& s) {
    p.Thread([&s] { Watch(kWords, [&s] { s.wg->Wait(); }); });
    p.Thread([&s] { Watch(kWords, [&s] { s.wg->Done(); }); });
    p.Thread([&s] { Watch(kWords, [&s] { s.wg->Add(1); }); });
  });
}

TEST(WaitGroupModelTest, ReuseBeforeTheWaitHasReturnedPanics) {
  static constexpr std::string_view kWords =
      "sync: WaitGroup is reused before previous Wait has returned";
  ExpectSomePanic(kWords, [](Program& p, State& s) {
    p.Thread([&s] { Watch(kWords, [&s] { s.wg->Wait(); }); });
    p.Thread([&s] {
      s.wg->Done();
      Watch(kWords, [&s] { s.wg->Add(1); });
    });
  });
}

}  // namespace
}  // namespace weft
