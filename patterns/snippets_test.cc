// The examples of README.md from its second half, word for word (snippets_test.sh compares), and
// that they do what they say.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/context/context.h"
#include "weft/patterns/broker.h"
#include "weft/patterns/crontab.h"
#include "weft/patterns/executors.h"
#include "weft/patterns/flow.h"
#include "weft/patterns/generator.h"
#include "weft/patterns/pubsub.h"
#include "weft/patterns/request.h"
#include "weft/patterns/routine.h"
#include "weft/patterns/scope.h"
#include "weft/patterns/supervisor.h"
#include "weft/sched/testing/fixture.h"

namespace {

using SnippetsTest = weft::testing::FiberTest;

absl::Status Publish(const weft::Context& ctx, std::string& last) {
  weft::Publisher<std::string> news;
  auto all = news.Subscribe();
  auto golang = news.Subscribe(weft::Topic<std::string>::Named("golang"),
                               {.buffer = 1, .when_full = weft::WhenFull::kDropOldest});
  for (const char* text : {"one", "two", "three"}) {
    if (absl::Status s = news.Publish(ctx, "golang", text); !s.ok()) return s;
  }
  if (absl::Status s = news.Close(ctx); !s.ok()) return s;  // loses nothing that was accepted
  for (const std::string& text : golang.C()) last = text;   // "three"; Counts().dropped is 2
  EXPECT_EQ(golang.Counts().dropped, 2);
  EXPECT_EQ(all.C().len(), 3);
  return absl::OkStatus();
}

TEST_F(SnippetsTest, Publisher) {
  std::string last;
  EXPECT_TRUE(Publish(weft::Background(), last).ok());
  EXPECT_EQ(last, "three");
}

TEST_F(SnippetsTest, Service) {
  const weft::Context ctx = weft::Background();
  weft::Scope scope(ctx);
  weft::Service<std::string, int> counts;
  scope.Go([=](const weft::Context& ctx) {
    std::map<std::string, int> seen;  // nobody else touches it: no lock
    return counts.Serve(ctx, [&](const std::string& word) { return ++seen[word]; });
  });
  absl::StatusOr<int> n = counts.Call(ctx, "golang");
  EXPECT_EQ(*n, 1);
  EXPECT_EQ(*counts.Call(ctx, "golang"), 2);
  counts.Close();
  EXPECT_TRUE(scope.Join().ok());
}

int server_starts = 0;

absl::Status RunCache(const weft::Context& ctx) {
  ctx.Done().Recv();
  return ctx.Err();
}

absl::Status RunServer(const weft::Context&) {
  ++server_starts;
  return absl::UnavailableError("no network");
}

absl::Status Supervise(const weft::Context& ctx) {
  weft::Supervisor s({.strategy = weft::Strategy::kOneForAll, .max_restarts = 5});
  s.Add({.name = "cache", .run = RunCache});
  s.Add({.name = "server", .run = RunServer, .restart = weft::Restart::kTransient});
  return s.Run(ctx);
}

TEST_F(SnippetsTest, Supervisor) {
  server_starts = 0;
  auto [ctx, cancel] = weft::WithTimeout(weft::Background(), absl::Minutes(5));
  EXPECT_EQ(Supervise(ctx).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_GE(server_starts, 6);
}

absl::Status FetchOnce(const weft::Context&) { return absl::OkStatus(); }

absl::Status FetchByPlan(const weft::Context& ctx, absl::TimeZone zone) {
  using namespace weft::routine;
  Executor fetch = Retry(3, Timeout(absl::Seconds(1), FetchOnce));
  absl::StatusOr<weft::CronPlan> plan = weft::CronPlan::Parse("*/5 8-18 * * mon-fri", zone);
  if (!plan.ok()) return plan.status();
  return Crontab(*plan, Guarantee(fetch))(ctx);
}

TEST_F(SnippetsTest, Crontab) {
  auto [ctx, cancel] = weft::WithCancel(weft::Background());
  cancel();
  EXPECT_EQ(FetchByPlan(ctx, absl::UTCTimeZone()).code(), absl::StatusCode::kCancelled);
}

TEST_F(SnippetsTest, Flow) {
  const weft::Context ctx = weft::Background();
  using namespace weft::flow;
  auto squares = Range(1, 100) | Filter([](int64_t n) { return n % 2 == 0; }) |
                 Map([](int64_t n) { return n * n; }) | Take(3);
  absl::StatusOr<std::vector<int64_t>> values = squares.ToVector(ctx);  // 4, 16, 36
  EXPECT_EQ(*values, (std::vector<int64_t>{4, 16, 36}));
}

TEST_F(SnippetsTest, Generator) {
  weft::Generator<int> fibonacci([](const auto& yield) {
    for (int a = 0, b = 1; yield(a); b += a, a = b - a) {
    }
  });
  for (int f : fibonacci) {
    if (f > 1000) break;  // the function ends with `fibonacci`
  }
  EXPECT_EQ(*fibonacci.Next(), 2584) << "it was at 1597";
}

}  // namespace
