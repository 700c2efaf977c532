#include "weft/sync/pool.h"

#include <atomic>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::Crew;

static_assert(!std::is_copy_constructible_v<Pool<int>> && !std::is_move_constructible_v<Pool<int>>);

using PoolTest = weft::testing::FiberTest;

TEST_F(PoolTest, GetMakesWhatThePoolDoesNotHave) {
  int made = 0;
  Pool<int> pool([&] { return ++made; });
  EXPECT_EQ(pool.Get(), 1);
  EXPECT_EQ(pool.Get(), 2);
}

TEST_F(PoolTest, WithoutAMakerGetReturnsTheZeroValue) {
  Pool<std::unique_ptr<int>> pool;
  EXPECT_EQ(pool.Get(), nullptr);
  EXPECT_FALSE(pool.TryGet().has_value());
}

TEST_F(PoolTest, GetReturnsWhatWasPut) {
  weft::testing::RunInFiber([] {
    Pool<std::string> pool;
    pool.Put("a");
    pool.Put("b");
    std::string both = pool.Get() + pool.Get();
    EXPECT_TRUE(both == "ab" || both == "ba");
    EXPECT_EQ(pool.Get(), "");
  });
}

TEST_F(PoolTest, OthersFindWhatWasPutOnAnotherProcessor) {
  Pool<int> pool;
  Crew crew;
  crew.Thread([&] { pool.Put(7); });
  crew.Join();
  EXPECT_EQ(pool.TryGet(), 7);
}

TEST_F(PoolTest, AHandlePutsItselfBack) {
  int made = 0;
  Pool<std::unique_ptr<int>> pool([&] { return std::make_unique<int>(++made); });
  {
    auto a = pool.Borrow();
    EXPECT_EQ(**a, 1);
    auto b = std::move(a);
  }
  EXPECT_EQ(*pool.Get(), 1);
  EXPECT_EQ(made, 1);
}

TEST_F(PoolTest, ClearDestroysWhatIsThere) {
  auto item = std::make_shared<int>(1);
  Pool<std::shared_ptr<int>> pool;
  pool.Put(item);
  pool.Clear();
  EXPECT_EQ(item.use_count(), 1);
  EXPECT_FALSE(pool.TryGet().has_value());
}

TEST_F(PoolTest, DestroysWhatIsLeft) {
  auto item = std::make_shared<int>(1);
  { Pool<std::shared_ptr<int>>().Put(item); }
  EXPECT_EQ(item.use_count(), 1);
}

TEST_F(PoolTest, ClearTakesWhatAWorkerHasForItself) {
  auto item = std::make_shared<int>(1);
  Pool<std::shared_ptr<int>> pool;
  weft::testing::RunInFiber([&] {
    // The first goes to a shard and makes the worker an owner, the next are its own, and of the
    // others some go to a shard and back.
    for (int i = 0; i < 100; ++i) pool.Put(item);
    for (int i = 0; i < 50; ++i) pool.Get();
  });
  EXPECT_EQ(item.use_count(), 51);
  pool.Clear();
  EXPECT_EQ(item.use_count(), 1);
}

// A worker's own object must not keep it from looking after the shards.
TEST_F(PoolTest, WhatNobodyTakesIsDestroyedThoughOthersComeAndGo) {
  std::atomic<int> alive{0};
  struct Counted {
    explicit Counted(std::atomic<int>* alive) : alive(alive) { ++*alive; }
    ~Counted() { --*alive; }
    std::atomic<int>* const alive;
  };
  Pool<std::unique_ptr<Counted>> pool([&] { return std::make_unique<Counted>(&alive); });
  weft::testing::RunInFiber([&] {
    for (int i = 0; i < 20; ++i) pool.Put(std::make_unique<Counted>(&alive));
    ASSERT_EQ(alive, 20);
    pool.ExpireForTest();
    for (int i = 0; i < 2000; ++i) pool.Put(pool.Get());
    pool.ExpireForTest();
    for (int i = 0; i < 2000; ++i) pool.Put(pool.Get());
    EXPECT_LT(alive, 5);
  });
}

using PoolStressTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, PoolStressTest, weft::testing::kWorkerCounts);

// Nobody gets an object that another still has.
TEST_P(PoolStressTest, EachObjectHasOneUser) {
  struct Object {
    std::atomic<int> users{0};
    int plain = 0;
  };
  std::atomic<int> made{0};
  Pool<std::unique_ptr<Object>> pool([&] {
    ++made;
    return std::make_unique<Object>();
  });
  const int rounds = weft::testing::Repeat(3000);
  Crew crew;
  crew.Mixed(8, [&](int) {
    for (int i = 0; i < rounds; ++i) {
      auto object = pool.Get();
      ASSERT_EQ(++object->users, 1);
      ++object->plain;
      if (i % 16 == 0) Gosched();
      --object->users;
      pool.Put(std::move(object));
    }
  });
  crew.Join();
  EXPECT_LT(made, 8 * rounds / 10) << "most are taken from the pool";
}

// Clear() meets owners at work.
TEST_P(PoolStressTest, ClearAgainstUsers) {
  struct Object {
    std::atomic<int> users{0};
    ~Object() { EXPECT_EQ(users, 0); }
  };
  Pool<std::unique_ptr<Object>> pool([] { return std::make_unique<Object>(); });
  const int rounds = weft::testing::Repeat(1000);
  Crew crew;
  crew.Mixed(6, [&](int id) {
    for (int i = 0; i < rounds; ++i) {
      if (id >= 4 && i % 8 == 0) pool.Clear();
      auto object = pool.Get();
      ASSERT_EQ(++object->users, 1);
      if (i % 32 == 0) Gosched();
      --object->users;
      pool.Put(std::move(object));
    }
  });
}

}  // namespace
}  // namespace weft
