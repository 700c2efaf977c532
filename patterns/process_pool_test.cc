#include "weft/patterns/process_pool.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using ProcessPoolTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, ProcessPoolTest, weft::testing::kWorkerCounts);

using Doubler = ProcessPool<int, int>;

TEST_P(ProcessPoolTest, AnswersEveryRequest) {
  auto pool = Doubler::OfFunction(3, [](int n) { return n * 2; });
  EXPECT_EQ(pool->Size(), 3);
  WaitGroup wg;
  for (int i = 0; i < 100; ++i) {
    wg.Go([&, i] { EXPECT_EQ(*pool->Process(i), i * 2); });
  }
  wg.Wait();
  EXPECT_EQ(pool->QueueLength(), 0);
}

TEST_P(ProcessPoolTest, NoMoreAtOnceThanWorkers) {
  std::atomic<int> now{0}, most{0};
  auto pool = Doubler::OfFunction(2, [&](int n) {
    const int active = ++now;
    int seen = most;
    while (active > seen && !most.compare_exchange_weak(seen, active)) {
    }
    Gosched();
    --now;
    return n;
  });
  WaitGroup wg;
  for (int i = 0; i < 50; ++i) {
    wg.Go([&] { EXPECT_TRUE(pool->Process(1).ok()); });
  }
  wg.Wait();
  EXPECT_LE(most, 2);
}

TEST_P(ProcessPoolTest, AClosedPoolRefusesAndThoseWhoWaitFail) {
  auto gate = MakeChan<Empty>();
  auto entered = MakeChan<Empty>();
  auto pool = Doubler::OfFunction(1, [&](int n) {
    entered.Close();
    gate.Recv();
    return n;
  });
  WaitGroup wg;
  wg.Go([&] { EXPECT_EQ(*pool->Process(1), 1); });
  entered.Recv();
  wg.Go(
      [&] { EXPECT_EQ(pool->Process(2).status().code(), absl::StatusCode::kFailedPrecondition); });
  while (pool->QueueLength() < 2) Gosched();
  wg.Go([&] { pool->Close(); });
  while (pool->QueueLength() > 1) Gosched();
  gate.Close();
  wg.Wait();
  EXPECT_EQ(pool->Process(3).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(pool->Size(), 0);
}

// Records its life.
class Recorder : public ProcessWorker<int, int> {
 public:
  struct Log {
    std::atomic<int> ready{0}, interrupted{0}, terminated{0}, died{0};
    Chan<Empty> gate = MakeChan<Empty>();
  };
  explicit Recorder(Log* log) : log_(log) {}
  ~Recorder() override { ++log_->died; }

  int Process(int n) override {
    if (n < 0) log_->gate.Recv();
    return n;
  }
  void BlockUntilReady() override { ++log_->ready; }
  void Interrupt() override {
    ++log_->interrupted;
    log_->gate.Send({});
  }
  void Terminate() override { ++log_->terminated; }

 private:
  Log* const log_;
};

TEST_P(ProcessPoolTest, AWorkersLife) {
  Recorder::Log log;
  {
    Doubler pool(2, [&] { return std::make_unique<Recorder>(&log); });
    EXPECT_EQ(*pool.Process(7), 7);
    EXPECT_EQ(*pool.Process(8), 8);
    pool.SetSize(1);
    EXPECT_EQ(log.terminated, 1);
    EXPECT_EQ(log.died, 1);
    pool.SetSize(3);
    EXPECT_EQ(pool.Size(), 3);
  }
  EXPECT_EQ(log.terminated, 4);
  EXPECT_EQ(log.died, 4);
  EXPECT_EQ(log.ready, 4 + 2) << "before each request, and once more";
}

TEST_P(ProcessPoolTest, GivingUpInterruptsTheWorker) {
  Recorder::Log log;
  Doubler pool(1, [&] { return std::make_unique<Recorder>(&log); });
  EXPECT_EQ(pool.ProcessTimed(-1, absl::Milliseconds(1)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  // The timeout may have come before the worker took the request.
  EXPECT_LE(log.interrupted, 1);
  auto [ctx, cancel] = WithCancel(Background());
  cancel();
  EXPECT_EQ(pool.Process(ctx, 1).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(*pool.Process(7), 7) << "the worker goes on";
}

TEST_P(ProcessPoolTest, APanicIsThrownToTheOneWhoAsked) {
  auto pool = Doubler::OfFunction(1, [](int n) {
    if (n == 0) Panic("worker broke");
    return n;
  });
  EXPECT_THROW((void)pool->Process(0), PanicError);
  EXPECT_EQ(*pool->Process(1), 1);
}

TEST_P(ProcessPoolTest, GoexitInAWorkerIsAnErrorAndTheWorkerIsReplaced) {
  auto pool = Doubler::OfFunction(1, [](int n) -> int {
    if (n == 0) Goexit();
    return n;
  });
  EXPECT_EQ(pool->Process(0).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(*pool->Process(1), 1);
}

TEST_P(ProcessPoolTest, StressWithResizesAndTimeouts) {
  auto pool = Doubler::OfFunction(2, [](int n) {
    if (n % 5 == 0) Gosched();
    return n;
  });
  std::atomic<int> answered{0}, failed{0};
  WaitGroup wg;
  const int rounds = weft::testing::Repeat(200);
  for (int f = 0; f < 8; ++f) {
    wg.Go([&, f] {
      for (int i = 0; i < rounds; ++i) {
        absl::StatusOr<int> answer =
            f % 2 == 0 ? pool->Process(i) : pool->ProcessTimed(i, absl::Microseconds(50));
        if (answer.ok()) {
          EXPECT_EQ(*answer, i);
          ++answered;
        } else {
          ++failed;
        }
      }
    });
  }
  wg.Go([&] {
    for (int i = 0; i < rounds; ++i) pool->SetSize(1 + i % 4);
  });
  wg.Wait();
  EXPECT_EQ(answered + failed, 8 * rounds);
  EXPECT_GE(answered, 4 * rounds);
}

}  // namespace
}  // namespace weft
