// Many rounds of waiters against the last Done(), each on an object that dies when its waiters have
// returned.
#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/testing/crew.h"
#include "weft/sync/waitgroup.h"

namespace weft {
namespace {

using sync_testing::Crew;
using WaitGroupStressTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, WaitGroupStressTest, weft::testing::kWorkerCounts);

// The object is freed by the last of its waiters to return; AddressSanitizer sees any touch after
// that.
TEST_P(WaitGroupStressTest, ManyWaitersThenDestruction) {
  const int rounds = weft::testing::Repeat(300);
  constexpr int kWaiters = 4;
  WaitGroup all;
  for (int round = 0; round < rounds; ++round) {
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

// The thread waits on its own frame's object, so that it dies at the first instant that Wait()
// allows.
TEST_P(WaitGroupStressTest, ThreadsWaitForFibersOnTheirOwnFrames) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([rounds = weft::testing::Repeat(300)] {
      for (int round = 0; round < rounds; ++round) {
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

// Fibers and threads count, count down and wait side by side; the object dies with its last waiter.
TEST_P(WaitGroupStressTest, FibersAndThreadsCountAndWait) {
  static constexpr int kMembers = 6;
  const int rounds = weft::testing::Repeat(150);
  for (int round = 0; round < rounds; ++round) {
    auto wg = std::make_shared<WaitGroup>();
    auto written = std::make_shared<std::array<int, kMembers>>();
    wg->Add(kMembers);
    Crew crew;
    crew.Mixed(kMembers, [wg = wg.get(), written = written.get(), round](int id) {
      if ((id + round) % 2 == 0) wg->Add(1);
      (*written)[id] = 1;
      wg->Done();
      if ((id + round) % 2 == 0) wg->Done();
    });
    crew.Mixed(kMembers, [wg, written](int) {
      wg->Wait();
      ASSERT_EQ(std::count(written->begin(), written->end(), 1), kMembers);
    });
    wg = nullptr;
    crew.Join();
  }
}

// Two groups by turns, as a barrier: each is used again once all of its waiters have returned.
TEST_P(WaitGroupStressTest, ReuseBySeveralWaitersInLockstep) {
  constexpr int kWaiters = 3;
  const int rounds = weft::testing::Repeat(300);
  WaitGroup start[2], finish, all;
  std::atomic<int> now{0};
  start[0].Add(1);
  for (int i = 0; i < kWaiters; ++i) {
    all.Go([&] {
      for (int round = 0; round < rounds; ++round) {
        start[round % 2].Wait();
        EXPECT_EQ(now, round);
        finish.Done();
      }
    });
  }
  for (int round = 0; round < rounds; ++round) {
    now = round;
    finish.Add(kWaiters);
    start[(round + 1) % 2].Add(1);
    start[round % 2].Done();
    finish.Wait();
  }
  all.Wait();
}

}  // namespace
}  // namespace weft
