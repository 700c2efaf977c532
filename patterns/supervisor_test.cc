#include "weft/patterns/supervisor.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/chan/select.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/timer.h"
#include "weft/sync/mutex.h"

namespace weft {
namespace {

using chan_internal::Group;
using testing::RunInFiber;

using SupervisorTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, SupervisorTest, testing::kWorkerCounts);

// Children that say when they start and end, and end when they are told to.
class Stage {
 public:
  ChildSpec Child(const std::string& name, Restart restart = Restart::kPermanent) {
    const auto order = orders_[name] = MakeChan<absl::Status>();
    return {name,
            [events = events_, order, name](const Context& ctx) {
              events.Send("+" + name);
              std::optional<absl::Status> result;
              if (Select(OnRecv(order, &result), OnDone(ctx)) == 1) result = ctx.Err();
              events.Send("-" + name);
              return *result;
            },
            restart};
  }
  void End(const std::string& name, absl::Status result) { orders_[name].Send(std::move(result)); }

  // The next `n` events.
  std::string Events(int n) {
    std::string all;
    while (n-- > 0) all += *events_.Recv();
    return all;
  }

 private:
  Chan<std::string> events_ = MakeChan<std::string>(100);
  std::map<std::string, Chan<absl::Status>> orders_;
};

SupervisorOptions Generous(Strategy strategy) {
  return {.strategy = strategy, .max_restarts = 100, .within = absl::InfiniteDuration()};
}

const absl::Status kFailure = absl::InternalError("failure");

TEST_P(SupervisorTest, StartsInOrderAndStopsInTheOppositeOne) {
  RunInFiber([] {
    Stage stage;
    Supervisor s;
    for (const char* name : {"a", "b", "c"}) s.Add(stage.Child(name));
    auto [ctx, cancel] = WithCancel(Background());
    Group group;
    group.Go([&, ctx = ctx] { EXPECT_EQ(s.Run(ctx).code(), absl::StatusCode::kCancelled); });
    stage.Events(3);  // fibers that have been started in order may begin in another
    cancel();
    EXPECT_EQ(stage.Events(3), "-c-b-a");
    group.Wait();
  });
}

TEST_P(SupervisorTest, OneForOneRestartsTheOneAlone) {
  RunInFiber([] {
    Stage stage;
    Supervisor s(Generous(Strategy::kOneForOne));
    s.Add(stage.Child("a"));
    s.Add(stage.Child("b"));
    auto [ctx, cancel] = WithCancel(Background());
    Group group;
    group.Go([&, ctx = ctx] { (void)s.Run(ctx); });
    stage.Events(2);
    for (int i = 0; i < 5; ++i) {
      stage.End("a", i % 2 == 0 ? kFailure : absl::OkStatus());
      EXPECT_EQ(stage.Events(2), "-a+a");
    }
    cancel();
    group.Wait();
  });
}

TEST_P(SupervisorTest, OneForAllStopsAndRestartsAll) {
  RunInFiber([] {
    Stage stage;
    Supervisor s(Generous(Strategy::kOneForAll));
    for (const char* name : {"a", "b", "c"}) s.Add(stage.Child(name));
    auto [ctx, cancel] = WithCancel(Background());
    Group group;
    group.Go([&, ctx = ctx] { (void)s.Run(ctx); });
    stage.Events(3);
    stage.End("b", kFailure);
    EXPECT_EQ(stage.Events(3), "-b-c-a")
        << "the others are stopped in the opposite order, one after the other";
    stage.Events(3);
    cancel();
    group.Wait();
  });
}

TEST_P(SupervisorTest, RestForOneRestartsThoseThatCameAfter) {
  RunInFiber([] {
    Stage stage;
    Supervisor s(Generous(Strategy::kRestForOne));
    for (const char* name : {"a", "b", "c", "d"}) s.Add(stage.Child(name));
    auto [ctx, cancel] = WithCancel(Background());
    Group group;
    group.Go([&, ctx = ctx] { (void)s.Run(ctx); });
    stage.Events(4);
    stage.End("b", kFailure);
    EXPECT_EQ(stage.Events(3), "-b-d-c");
    std::string started = stage.Events(3);
    EXPECT_EQ(started.find("+a"), std::string::npos) << started;
    cancel();
    group.Wait();
  });
}

TEST_P(SupervisorTest, ATransientChildIsRestartedAfterAFailureOnly) {
  RunInFiber([] {
    Stage stage;
    Supervisor s(Generous(Strategy::kOneForOne));
    s.Add(stage.Child("a", Restart::kTransient));
    Group group;
    group.Go([&] { EXPECT_TRUE(s.Run(Background()).ok()) << "nobody is left"; });
    stage.Events(1);
    stage.End("a", kFailure);
    EXPECT_EQ(stage.Events(2), "-a+a");
    stage.End("a", absl::OkStatus());
    group.Wait();
  });
}

TEST_P(SupervisorTest, ATemporaryChildIsNeverRestarted) {
  RunInFiber([] {
    Stage stage;
    Supervisor s(Generous(Strategy::kOneForAll));
    s.Add(stage.Child("a"));
    s.Add(stage.Child("t", Restart::kTemporary));
    auto [ctx, cancel] = WithCancel(Background());
    Group group;
    group.Go([&, ctx = ctx] { (void)s.Run(ctx); });
    stage.Events(2);
    stage.End("a", kFailure);
    EXPECT_EQ(stage.Events(3), "-a-t+a")
        << "it goes with its sibling, and does not come back with it";
    stage.End("a", kFailure);
    EXPECT_EQ(stage.Events(2), "-a+a");
    cancel();
    group.Wait();
  });
}

TEST_P(SupervisorTest, TooManyRestartsAreGivenUpOn) {
  RunInFiber([] {
    int starts = 0;
    std::vector<int> counted;
    std::vector<std::string> ends;
    Supervisor s({.max_restarts = 3,
                  .within = absl::InfiniteDuration(),
                  .backoff =
                      [&](int restarts) {
                        counted.push_back(restarts);
                        return absl::ZeroDuration();
                      },
                  .on_end =
                      [&](const ChildSpec& c, const absl::Status& r) {
                        ends.push_back(c.name + " " + std::string(r.message()));
                      }});
    bool bystander_ended = false;
    s.Add({"bystander", [&](const Context& ctx) {
             ctx.Done().Recv();
             bystander_ended = true;
             return ctx.Err();
           }});
    s.Add({"bad", [&](const Context&) {
             ++starts;
             return absl::NotFoundError("file");
           }});
    const absl::Status result = s.Run(Background());
    EXPECT_EQ(result, absl::ResourceExhaustedError("too many restarts; the last after bad: file"));
    EXPECT_EQ(starts, 4);
    EXPECT_EQ(counted, (std::vector<int>{1, 2, 3}));
    EXPECT_EQ(ends, std::vector<std::string>(4, "bad file")) << "what it stops itself is not told";
    EXPECT_TRUE(bystander_ended);
  });
}

TEST_P(SupervisorTest, RestartsThatAreLongAgoDoNotCount) {
  RunInFiber([] {
    int starts = 0;
    Supervisor s({.max_restarts = 1, .within = absl::Nanoseconds(10)});
    s.Add({"a",
           [&](const Context&) {
             const int64_t long_enough = MonotonicNanos() + 20;
             while (MonotonicNanos() < long_enough) {
             }
             return ++starts < 50 ? kFailure : absl::OkStatus();
           },
           Restart::kTransient});
    EXPECT_TRUE(s.Run(Background()).ok());
    EXPECT_EQ(starts, 50);
  });
}

TEST_P(SupervisorTest, APanicIsAFailureAndKeepsItsStack) {
  RunInFiber([] {
    absl::Status seen;
    int starts = 0;
    Supervisor s({.on_end = [&](const ChildSpec&, const absl::Status& r) { seen.Update(r); }});
    s.Add({"a",
           [&](const Context&) -> absl::Status {
             if (++starts == 1) Panic("broken");
             return absl::OkStatus();
           },
           Restart::kTransient});
    EXPECT_TRUE(s.Run(Background()).ok());
    EXPECT_EQ(starts, 2);
    EXPECT_EQ(seen.message().find("panic: broken\n"), 0u) << seen;
  });
}

TEST_P(SupervisorTest, GoexitIsAnEndWithoutFailure) {
  RunInFiber([] {
    Supervisor s;
    s.Add({"a", [](const Context&) -> absl::Status { Goexit(); }, Restart::kTransient});
    EXPECT_TRUE(s.Run(Background()).ok());
  });
}

TEST_P(SupervisorTest, AFailureThatRestartsDoNotCureGoesUpTheTree) {
  RunInFiber([] {
    int inner_runs = 0;
    Supervisor outer({.max_restarts = 1, .within = absl::InfiniteDuration()});
    outer.Add({"inner", [&](const Context& ctx) {
                 ++inner_runs;
                 Supervisor inner({.max_restarts = 1, .within = absl::InfiniteDuration()});
                 inner.Add({"leaf", [](const Context&) { return kFailure; }});
                 return inner.Run(ctx);
               }});
    const absl::Status s = outer.Run(Background());
    EXPECT_EQ(s.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_NE(s.message().find("leaf: failure"), absl::string_view::npos) << s;
    EXPECT_EQ(inner_runs, 2);
  });
}

TEST_P(SupervisorTest, TheContextEndsABackoff) {
  RunInFiber([] {
    auto [ctx, cancel] = WithCancel(Background());
    Supervisor s({.backoff = [cancel = cancel](int) {
      cancel();
      return absl::Hours(1);
    }});
    s.Add({"a", [](const Context&) { return kFailure; }});
    EXPECT_EQ(s.Run(ctx).code(), absl::StatusCode::kCancelled);
  });
}

TEST_P(SupervisorTest, WithoutChildrenThereIsNothingToDo) {
  EXPECT_TRUE(Supervisor().Run(Background()).ok());
}

}  // namespace
}  // namespace weft
