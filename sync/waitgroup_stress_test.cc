// Many rounds of waiters against the last Done(), each on an object that dies when its waiters have returned.
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using WaitGroupStressTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, WaitGroupStressTest, weft::testing::kWorkerCounts);

// The object is freed by the last of its waiters to return; AddressSanitizer sees any touch after that.
TEST_P(WaitGroupStressTest, ManyWaitersThenDestruction) {
  constexpr int kRounds = 300;
  constexpr int kWaiters = 4;
  WaitGroup all;
  for (int round = 0; round < kRounds; ++round) {
    auto wg = std::make_shared<WaitGroup>();
    wg->Add(2);
    int* const payload = new int[2]{};
    for (int i = 0; i < 2; ++i) {
      Go([wg = wg.get(), payload, i] {
        payload[i] = 1;
        wg->Done();
      });
    }
    auto freed = std::make_shared<std::atomic<int>>(kWaiters);
    for (int i = 0; i < kWaiters; ++i) {
      all.Go([wg, payload, freed] {
        wg->Wait();
        EXPECT_EQ(payload[0] + payload[1], 2);
        if (--*freed == 0) delete[] payload;
      });
    }
  }
  all.Wait();
}

// The thread waits on its own frame's object, so that it dies at the first instant that Wait() allows.
TEST_P(WaitGroupStressTest, ThreadsWaitForFibersOnTheirOwnFrames) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([] {
      for (int round = 0; round < 300; ++round) {
        WaitGroup wg;
        int plain[3] = {};
        for (int& slot : plain) wg.Go([&slot] { slot = 1; });
        wg.Wait();
        ASSERT_EQ(plain[0] + plain[1] + plain[2], 3);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(WaitGroupStressTest, ReuseBySeveralWaitersInLockstep) {
  constexpr int kWaiters = 3;
  WaitGroup start, finish, all;
  std::atomic<int> round_of{0};
  constexpr int kRounds = 300;
  start.Add(1);
  finish.Add(kWaiters);
  for (int i = 0; i < kWaiters; ++i) {
    all.Go([&] {
      for (int round = 0; round < kRounds; ++round) {
        start.Wait();
        EXPECT_EQ(round_of, round + 1);
        finish.Done();
        while (round_of <= round + 1 && round + 1 < kRounds) Gosched();
      }
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    round_of = round + 1;
    start.Done();
    finish.Wait();
    if (round + 1 == kRounds) break;
    finish.Add(kWaiters);
    start.Add(1);
    round_of = round + 2;
  }
  all.Wait();
}

}  // namespace
}  // namespace weft
