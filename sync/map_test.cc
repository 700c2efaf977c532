#include "weft/sync/map.h"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/seed.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::Crew;

static_assert(!std::is_copy_constructible_v<Map<int, int>> &&
              !std::is_move_constructible_v<Map<int, int>>);

using MapTest = weft::testing::FiberTest;

TEST_F(MapTest, LoadFindsWhatWasStored) {
  Map<std::string, int> m;
  EXPECT_EQ(m.Load("a"), std::nullopt);
  m.Store("a", 1);
  m.Store("a", 2);
  EXPECT_EQ(m.Load("a"), 2);
}

TEST_F(MapTest, LoadOrStoreTellsWhichItWas) {
  Map<std::string, int> m;
  EXPECT_EQ(m.LoadOrStore("a", 1), std::make_pair(1, false));
  EXPECT_EQ(m.LoadOrStore("a", 2), std::make_pair(1, true));
}

TEST_F(MapTest, LoadAndDeleteReturnsWhatWasThere) {
  Map<int, int> m;
  EXPECT_EQ(m.LoadAndDelete(1), std::nullopt);
  m.Store(1, 10);
  EXPECT_EQ(m.LoadAndDelete(1), 10);
  EXPECT_EQ(m.Load(1), std::nullopt);
}

TEST_F(MapTest, DeleteOfAMissingKeyDoesNothing) {
  Map<int, int> m;
  m.Delete(1);
  m.Store(1, 10);
  m.Delete(1);
  m.Delete(1);
  EXPECT_EQ(m.Load(1), std::nullopt);
}

TEST_F(MapTest, SwapReturnsTheFormerValue) {
  Map<int, int> m;
  EXPECT_EQ(m.Swap(1, 10), std::nullopt);
  EXPECT_EQ(m.Swap(1, 11), 10);
  EXPECT_EQ(m.Load(1), 11);
}

TEST_F(MapTest, CompareAndSwapNeedsTheKeyAndTheValue) {
  Map<int, int> m;
  EXPECT_FALSE(m.CompareAndSwap(1, 0, 1));
  m.Store(1, 10);
  EXPECT_FALSE(m.CompareAndSwap(1, 11, 12));
  EXPECT_TRUE(m.CompareAndSwap(1, 10, 12));
  EXPECT_EQ(m.Load(1), 12);
}

TEST_F(MapTest, CompareAndDeleteOfAMissingKeyIsFalse) {
  Map<int, int*> m;
  EXPECT_FALSE(m.CompareAndDelete(1, nullptr));
  m.Store(1, nullptr);
  EXPECT_TRUE(m.CompareAndDelete(1, nullptr));
  EXPECT_EQ(m.Load(1), std::nullopt);
}

TEST_F(MapTest, RangeVisitsEveryKeyOnce) {
  Map<int, int> m;
  for (int i = 0; i < 1000; ++i) m.Store(i, -i);
  std::set<int> seen;
  m.Range([&](int key, int value) {
    EXPECT_EQ(value, -key);
    EXPECT_TRUE(seen.insert(key).second);
    return true;
  });
  EXPECT_EQ(seen.size(), 1000u);
}

TEST_F(MapTest, RangeStopsOnFalse) {
  Map<int, int> m;
  for (int i = 0; i < 100; ++i) m.Store(i, i);
  int visits = 0;
  m.Range([&](int, int) { return ++visits < 3; });
  EXPECT_EQ(visits, 3);
}

TEST_F(MapTest, RangeMayCallAnyMethod) {
  Map<int, int> m;
  for (int i = 0; i < 100; ++i) m.Store(i, i);
  m.Range([&](int key, int) {
    m.Delete(key);
    m.Store(key + 1000, 0);
    m.Range([](int, int) { return true; });
    return true;
  });
  m.Clear();
  m.Range([](int, int) {
    ADD_FAILURE();
    return true;
  });
}

TEST_F(MapTest, ClearRemovesAllKeys) {
  Map<int, int> m;
  for (int i = 0; i < 100; ++i) m.Store(i, i);
  m.Clear();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(m.Load(i), std::nullopt);
  m.Store(1, 2);
  EXPECT_EQ(m.Load(1), 2);
}

TEST_F(MapTest, DestroysItsValues) {
  auto value = std::make_shared<int>(1);
  {
    Map<int, std::shared_ptr<int>> m;
    for (int i = 0; i < 100; ++i) m.Store(i, value);
    for (int i = 0; i < 50; ++i) m.Delete(i);
    m.Store(60, nullptr);
  }
  sync_internal::Reclaim();
  EXPECT_EQ(value.use_count(), 1);
}

TEST_F(MapTest, ABadHashIsSlowAndNothingElse) {
  struct SameForAll {
    size_t operator()(int) const { return 7; }
  };
  Map<int, int, SameForAll> m;
  for (int i = 0; i < 100; ++i) m.Store(i, i);
  for (int i = 0; i < 100; i += 2) m.Delete(i);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(m.Load(i).has_value(), i % 2 == 1);
}

// Every operation against std::map, with keys that collide and come back.
TEST_F(MapTest, BehavesAsASequentialMap) {
  std::mt19937 random(weft::testing::Seed());
  Map<int, int> m;
  std::map<int, int> reference;
  auto in_reference = [&](int key) -> std::optional<int> {
    const auto it = reference.find(key);
    return it == reference.end() ? std::nullopt : std::optional<int>(it->second);
  };
  for (int i = 0; i < 50000; ++i) {
    const int key = static_cast<int>(random() % (i % 1000 < 500 ? 20 : 2000));
    const int value = static_cast<int>(random() % 3);
    const std::optional<int> before = in_reference(key);
    switch (random() % 9) {
      case 0:
        m.Store(key, value);
        reference[key] = value;
        break;
      case 1:
        ASSERT_EQ(m.LoadOrStore(key, value),
                  std::make_pair(before.value_or(value), before.has_value()));
        reference.emplace(key, value);
        break;
      case 2:
        ASSERT_EQ(m.LoadAndDelete(key), before);
        reference.erase(key);
        break;
      case 3:
        m.Delete(key);
        reference.erase(key);
        break;
      case 4:
        ASSERT_EQ(m.Swap(key, value), before);
        reference[key] = value;
        break;
      case 5:
        ASSERT_EQ(m.CompareAndSwap(key, value, value + 1), before == value);
        if (before == value) reference[key] = value + 1;
        break;
      case 6:
        ASSERT_EQ(m.CompareAndDelete(key, value), before == value);
        if (before == value) reference.erase(key);
        break;
      case 7:
        ASSERT_EQ(m.Load(key), before);
        break;
      default:
        if (random() % 500 == 0) {
          m.Clear();
          reference.clear();
        } else if (random() % 100 == 0) {
          std::map<int, int> all;
          m.Range([&](int k, int v) { return all.emplace(k, v).second; });
          ASSERT_EQ(all, reference);
        }
    }
  }
}

// What panics in Go does not compile here: comparing values that cannot be compared.
template <typename V>
constexpr bool kComparesValues = requires(Map<int, V> m, V v) {
  m.CompareAndSwap(1, v, v);
  m.CompareAndDelete(1, v);
};
static_assert(kComparesValues<int> && !kComparesValues<std::function<void()>>);

using MapStressTest = weft::testing::WorkerTest;

INSTANTIATE_TEST_SUITE_P(Workers, MapStressTest, weft::testing::kWorkerCounts);

// A value that knows whether it has been destroyed: a reader that sees freed memory fails even
// without a sanitizer.
class Canary {
 public:
  explicit Canary(int key) : key_(key) {}
  Canary(const Canary& other) : key_(other.key()) {}
  ~Canary() { key_ = -1; }
  int key() const { return key_; }

 private:
  volatile int key_;
};

TEST_P(MapStressTest, ReadersNeverSeeDestroyedValues) {
  Map<int, Canary> m;
  const int rounds = weft::testing::Repeat(4000);
  Crew crew;
  crew.Mixed(6, [&](int id) {
    std::mt19937 random(static_cast<unsigned>(id));
    for (int i = 0; i < rounds; ++i) {
      const int key = static_cast<int>(random() % 40);
      switch (random() % 8) {
        case 0:
          m.Store(key, Canary(key));
          break;
        case 1:
          m.Delete(key);
          break;
        case 2:
          EXPECT_EQ(m.LoadOrStore(key, Canary(key)).first.key(), key);
          break;
        default:
          if (std::optional<Canary> value = m.Load(key)) {
            ASSERT_EQ(value->key(), key);
          }
      }
      if (i % 512 == 0) {
        m.Range([](int k, const Canary& v) {
          EXPECT_EQ(v.key(), k);
          return true;
        });
      }
      if (i % 1000 == 999) m.Clear();
    }
  });
}

// Keys that stay are visited once, each with a value that it has had; keys that come and go at most
// once, though the table grows meanwhile and they move in it.
TEST_P(MapStressTest, RangeAmongChangesVisitsNoKeyTwice) {
  constexpr int kStaying = 50;
  Map<int, int> m;
  for (int key = 0; key < kStaying; ++key) m.Store(key, key);
  const int rounds = weft::testing::Repeat(60);
  std::atomic<bool> done{false};
  Crew crew;
  crew.Mixed(3, [&](int id) {
    std::mt19937 random(static_cast<unsigned>(id));
    while (!done) {
      const int key = kStaying + static_cast<int>(random() % 500);
      if (random() % 2 == 0) m.Store(key, key);
      m.Delete(kStaying + static_cast<int>(random() % 500));
      m.Store(static_cast<int>(random() % kStaying), key);
      Gosched();
    }
  });
  for (int round = 0; round < rounds; ++round) {
    std::set<int> seen;
    int staying = 0;
    m.Range([&](int key, int) {
      EXPECT_TRUE(seen.insert(key).second) << key;
      staying += key < kStaying;
      return true;
    });
    EXPECT_EQ(staying, kStaying);
    Gosched();
  }
  done = true;
}

// Counters by compare-and-swap: an update that is lost shows.
TEST_P(MapStressTest, CompareAndSwapLosesNoUpdate) {
  Map<int, int> m;
  for (int key = 0; key < 4; ++key) m.Store(key, 0);
  const int rounds = weft::testing::Repeat(500);
  {
    Crew crew;
    crew.Mixed(6, [&](int) {
      for (int i = 0; i < rounds; ++i) {
        for (;;) {
          const int seen = *m.Load(i % 4);
          if (m.CompareAndSwap(i % 4, seen, seen + 1)) break;
        }
      }
    });
  }
  int total = 0;
  m.Range([&](int, int value) {
    total += value;
    return true;
  });
  EXPECT_EQ(total, 6 * rounds);
}

TEST_P(MapStressTest, LoadOrStoreHasOneWinner) {
  const int rounds = weft::testing::Repeat(200);
  Map<int, int> m;
  for (int round = 0; round < rounds; ++round) {
    std::atomic<int> stored{0};
    {
      Crew crew;
      crew.Mixed(4, [&](int id) { stored += !m.LoadOrStore(round, id).second; });
    }
    ASSERT_EQ(stored, 1);
  }
}

}  // namespace
}  // namespace weft
