// The examples of README.md, compiled and run.
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/context/context.h"
#include "weft/patterns/backoff.h"
#include "weft/patterns/bulkhead.h"
#include "weft/patterns/circuit_breaker.h"
#include "weft/patterns/errgroup.h"
#include "weft/patterns/fallback.h"
#include "weft/patterns/func_pool.h"
#include "weft/patterns/hedge.h"
#include "weft/patterns/limit.h"
#include "weft/patterns/multi_pool.h"
#include "weft/patterns/ordered_stream.h"
#include "weft/patterns/panics.h"
#include "weft/patterns/parallel.h"
#include "weft/patterns/pipeline.h"
#include "weft/patterns/pipeline_batch.h"
#include "weft/patterns/pipeline_map.h"
#include "weft/patterns/pipeline_sink.h"
#include "weft/patterns/policy.h"
#include "weft/patterns/process_pool.h"
#include "weft/patterns/rate_limiter.h"
#include "weft/patterns/run_group.h"
#include "weft/patterns/singleflight.h"
#include "weft/patterns/sometimes.h"
#include "weft/patterns/task_group.h"
#include "weft/patterns/task_pool.h"
#include "weft/patterns/timeout.h"
#include "weft/patterns/unit_batch.h"
#include "weft/patterns/unit_pool.h"
#include "weft/patterns/worker_pool.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using ReadmeTest = weft::testing::FiberTest;

// What the examples work with.
using Url = std::string;
using Page = std::string;
absl::StatusOr<Page> Fetch(const weft::Context& ctx, const Url& url) {
  if (!ctx.Err().ok()) return ctx.Err();
  return "page of " + url;
}
const weft::Context ctx = weft::Background();
const std::vector<Url> urls = {"a", "b", "c"};

TEST_F(ReadmeTest, ErrGroup) {
  const auto example = [&]() -> absl::Status {
    weft::ErrGroup group(ctx);
    group.SetLimit(10);
    for (const Url& url : urls) {
      group.Go([&] { return Fetch(group.context(), url).status(); });
    }
    return group.Wait();
  };
  EXPECT_TRUE(example().ok());
}

TEST_F(ReadmeTest, SingleFlight) {
  weft::SingleFlight<Url, Page> flights;
  const Url url = "a";
  absl::StatusOr<Page> page = flights.Do(url, [&] { return Fetch(ctx, url); }).value;
  EXPECT_EQ(*page, "page of a");
}

TEST_F(ReadmeTest, RateLimiter) {
  weft::RateLimiter limiter(100, 5);  // a hundred a second, five at once
  const auto example = [&](const Url& url) -> absl::StatusOr<Page> {
    if (absl::Status s = limiter.Wait(ctx); !s.ok()) return s;
    return Fetch(ctx, url);
  };
  EXPECT_TRUE(example("a").ok());
}

TEST_F(ReadmeTest, Sometimes) {
  int reports = 0;
  weft::Sometimes sometimes({.first = 3, .interval = absl::Hours(10)});
  for (int i = 0; i < 100; ++i) sometimes.Do([&] { ++reports; });
  EXPECT_EQ(reports, 3);
}

TEST_F(ReadmeTest, TaskGroup) {
  int left = 0, right = 0;
  weft::TaskGroup tasks;
  tasks.Go([&] { left = 1; });
  tasks.Go([&] { right = 2; });
  tasks.Wait();  // throws what a task threw
  EXPECT_EQ(left + right, 3);
}

TEST_F(ReadmeTest, Panics) {
  std::optional<weft::Recovered> panic = weft::Recover([] { weft::Panic("plugin broke"); });
  ASSERT_TRUE(panic.has_value());
  EXPECT_EQ(panic->message(), "plugin broke");
}

TEST_F(ReadmeTest, TaskPool) {
  weft::TaskPool<absl::StatusOr<Page>> pool({.max_fibers = 8, .cancel_on_error = true}, ctx);
  for (const Url& url : urls) {
    pool.Go([&](const weft::Context& ctx) { return Fetch(ctx, url); });
  }
  auto [pages, status] = pool.Wait();  // in the order of submission
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(pages.size(), 3u);
}

TEST_F(ReadmeTest, OrderedStream) {
  std::string out;
  weft::OrderedStream stream(8);
  for (const Url& url : urls) {
    stream.Go([&] {
      Page page = *Fetch(ctx, url);                 // at the same time
      return [&out, page] { out += page.back(); };  // one after the other, in order
    });
  }
  stream.Wait();
  EXPECT_EQ(out, "abc");
}

TEST_F(ReadmeTest, Parallel) {
  auto pages = weft::parallel::Map(ctx, urls, [](const Url& url) { return Fetch(ctx, url); });
  ASSERT_TRUE(pages.ok());
  EXPECT_EQ(pages->size(), 3u);
}

TEST_F(ReadmeTest, RunGroup) {
  weft::RunGroup group;
  group.Add([] { return absl::OkStatus(); }, [](const absl::Status&) {});
  group.Add(weft::ContextActor(ctx));
  EXPECT_TRUE(group.Run().ok());
}

TEST_F(ReadmeTest, Pipeline) {
  std::atomic<int> inserted{0};
  const auto InsertAll = [&](const std::vector<Page>& batch) {
    inserted += static_cast<int>(batch.size());
  };
  weft::Pipeline pipe(ctx);
  auto pages = weft::pipeline::Map(pipe, weft::pipeline::From(pipe, urls), 4, [&](const Url& url) {
    return Fetch(pipe.context(), url);
  });
  absl::Status status = weft::pipeline::ForEach(
      pipe, weft::pipeline::Batch(pipe, pages, 100, absl::Milliseconds(50)), 2, InsertAll);
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(inserted, 3);
}

TEST_F(ReadmeTest, Limit) {
  std::atomic<int> done{0};
  weft::Limit limit(10);
  for (int i = 0; i < 1000; ++i) limit.Go([&] { ++done; });
  limit.Wait();
  EXPECT_EQ(done, 1000);
}

TEST_F(ReadmeTest, WorkerPool) {
  std::atomic<int> done{0};
  weft::WorkerPool pool(4, {.max_blocking = 100});
  for (int i = 0; i < 15; ++i) {
    const auto submit = [&] {
      if (absl::Status s = pool.Submit(ctx, [&] { ++done; }); !s.ok()) return s;
      return absl::OkStatus();
    };
    EXPECT_TRUE(submit().ok());
  }
  EXPECT_TRUE(pool.ReleaseTimeout(absl::Seconds(60)).ok());
  EXPECT_EQ(done, 15);
}

TEST_F(ReadmeTest, FuncPoolAndMultiPool) {
  std::atomic<int> sum{0};
  weft::MultiPool<weft::FuncPool<int>> pool(2, weft::Balance::kLeastTasks, 10,
                                            [&](int n) { sum += n; });
  for (int i = 1; i <= 4; ++i) EXPECT_TRUE(pool.Invoke(i).ok());
  EXPECT_TRUE(pool.ReleaseTimeout(absl::Seconds(60)).ok());
  EXPECT_EQ(sum, 10);
}

TEST_F(ReadmeTest, ProcessPool) {
  class Fetcher : public weft::ProcessWorker<Url, absl::StatusOr<Page>> {
   public:
    absl::StatusOr<Page> Process(Url url) override { return Fetch(ctx, url); }
  };
  weft::ProcessPool<Url, absl::StatusOr<Page>> pool(4, [] { return std::make_unique<Fetcher>(); });
  auto page = pool.ProcessTimed("a", absl::Seconds(60));
  EXPECT_TRUE(page.ok() && page->ok());
}

TEST_F(ReadmeTest, UnitPool) {
  weft::UnitPool<Page> pool(10);
  weft::UnitBatch<Page> batch(pool);
  for (const Url& url : urls) {
    batch.Queue([&](const weft::Context& ctx) { return Fetch(ctx, url); });
  }
  batch.QueueComplete();
  int good = 0;
  for (const weft::WorkUnit<Page>& unit : batch.Results()) good += unit.Value().ok();
  EXPECT_EQ(good, 3);
}

TEST_F(ReadmeTest, Policies) {
  weft::Fallback fallback([](const weft::Context&, const absl::Status&) -> absl::StatusOr<Page> {
    return "the page of yesterday";
  });
  weft::Retry retry({.max_tries = 3});
  weft::CircuitBreaker breaker({.name = "pages"});
  weft::Bulkhead bulkhead({.max_concurrent = 20, .max_wait = absl::Milliseconds(50)});
  weft::Hedge hedge({.delay = absl::Seconds(30)});
  weft::Timeout timeout(absl::Seconds(60));
  auto policy = weft::Compose(fallback, retry, breaker, bulkhead, hedge, timeout);
  absl::StatusOr<Page> page =
      policy.Execute(ctx, [](const weft::Context& ctx) { return Fetch(ctx, "a"); });
  EXPECT_EQ(*page, "page of a");
}

}  // namespace
}  // namespace weft
