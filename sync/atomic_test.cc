#include "weft/sync/atomic.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>

#include "gtest/gtest.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sync/testing/crew.h"

namespace weft {
namespace {

using sync_testing::Crew;
using sync_testing::PanicOf;

static_assert(sizeof(Atomic<int32_t>) == 4 && alignof(Atomic<int64_t>) == 8 &&
              sizeof(Atomic<bool>) == 1);
static_assert(!std::is_copy_constructible_v<Atomic<int>> &&
              !std::is_copy_constructible_v<Value<int>>);

template <typename T>
constexpr bool kHasAdd = requires(Atomic<T> a) {
  a.Add(T{});
};
static_assert(kHasAdd<int32_t> && kHasAdd<uintptr_t> && !kHasAdd<bool> && !kHasAdd<int*>);

template <typename T>
constexpr bool kHasMasks = requires(Atomic<T> a) {
  a.And(T{});
  a.Or(T{});
};
static_assert(kHasMasks<int32_t> && kHasMasks<uintptr_t> && !kHasMasks<bool> && !kHasMasks<int*>);

// What panics in Go does not compile here.
template <typename T>
constexpr bool kComparesValues = requires(Value<T> v, T t) {
  v.CompareAndSwap(t, t);
};
static_assert(kComparesValues<int> && !kComparesValues<std::function<void()>>);

using AtomicTest = weft::testing::FiberTest;
using ValueTest = weft::testing::FiberTest;

template <typename T>
class AtomicIntegerTest : public ::testing::Test {};
using Integers = ::testing::Types<int32_t, int64_t, uint32_t, uint64_t, uintptr_t>;
TYPED_TEST_SUITE(AtomicIntegerTest, Integers);

TYPED_TEST(AtomicIntegerTest, ZeroValueIsZero) {
  EXPECT_EQ(Atomic<TypeParam>().Load(), TypeParam{0});
}

TYPED_TEST(AtomicIntegerTest, AddReturnsTheNewValue) {
  Atomic<TypeParam> a(40);
  EXPECT_EQ(a.Add(2), TypeParam{42});
  EXPECT_EQ(a.Add(static_cast<TypeParam>(-1)), TypeParam{41});
}

TYPED_TEST(AtomicIntegerTest, AddWrapsAround) {
  Atomic<TypeParam> a(std::numeric_limits<TypeParam>::max());
  EXPECT_EQ(a.Add(1), std::numeric_limits<TypeParam>::min());
}

TYPED_TEST(AtomicIntegerTest, AndAndOrReturnTheOldValue) {
  Atomic<TypeParam> a(0b1100);
  EXPECT_EQ(a.And(0b0110), TypeParam{0b1100});
  EXPECT_EQ(a.Or(0b0001), TypeParam{0b0100});
  EXPECT_EQ(a.Load(), TypeParam{0b0101});
}

TYPED_TEST(AtomicIntegerTest, SwapAndCompareAndSwap) {
  Atomic<TypeParam> a(1);
  EXPECT_EQ(a.Swap(2), TypeParam{1});
  EXPECT_FALSE(a.CompareAndSwap(1, 3));
  EXPECT_TRUE(a.CompareAndSwap(2, 3));
  EXPECT_EQ(a.Load(), TypeParam{3});
}

TYPED_TEST(AtomicIntegerTest, ConcurrentAddsAddUp) {
  Atomic<TypeParam> a;
  {
    Crew crew;
    crew.Mixed(4, [&](int) {
      for (int i = 0; i < 1000; ++i) a.Add(1);
    });
  }
  EXPECT_EQ(a.Load(), TypeParam{4000});
}

TEST_F(AtomicTest, BoolAndPointer) {
  Atomic<bool> flag;
  EXPECT_FALSE(flag.Swap(true));
  EXPECT_TRUE(flag.CompareAndSwap(true, false));
  int x = 0;
  Atomic<int*> pointer;
  EXPECT_EQ(pointer.Load(), nullptr);
  EXPECT_TRUE(pointer.CompareAndSwap(nullptr, &x));
  EXPECT_EQ(pointer.Load(), &x);
}

// The store-buffering test: without one total order both could read zero.
TEST_F(AtomicTest, TwoStoresAreNotBothMissed) {
  for (int round = 0; round < 500; ++round) {
    Atomic<int> x, y;
    int saw_x = 1, saw_y = 1;
    {
      Crew crew;
      crew.Thread([&] {
        x.Store(1);
        saw_y = y.Load();
      });
      crew.Thread([&] {
        y.Store(1);
        saw_x = x.Load();
      });
    }
    ASSERT_TRUE(saw_x == 1 || saw_y == 1);
  }
}

TEST_F(ValueTest, LoadIsNullBeforeTheFirstStore) { EXPECT_EQ(Value<int>().Load(), nullptr); }

TEST_F(ValueTest, LoadReturnsWhatWasStoredLast) {
  Value<std::string> v;
  v.Store("a");
  const std::shared_ptr<const std::string> a = v.Load();
  EXPECT_EQ(*v.Swap("b"), "a");
  EXPECT_EQ(*v.Load(), "b");
  EXPECT_EQ(*a, "a") << "what was loaded does not change";
}

TEST_F(ValueTest, StoringNilPanics) {
  Value<int*> pointer;
  EXPECT_EQ(PanicOf([&] { pointer.Store(nullptr); }), "sync/atomic: store of nil value into Value");
  Value<std::function<void()>> function;
  EXPECT_NE(PanicOf([&] { function.Store(nullptr); }), "");
}

TEST_F(ValueTest, CompareAndSwapComparesValues) {
  Value<std::string> v;
  EXPECT_FALSE(v.CompareAndSwap("a", "b")) << "nothing is stored";
  v.Store("a");
  EXPECT_FALSE(v.CompareAndSwap("x", "b"));
  EXPECT_TRUE(v.CompareAndSwap("a", "b"));
  EXPECT_EQ(*v.Load(), "b");
}

TEST_F(ValueTest, CompareAndSwapWithNilStoresTheFirstValueOnly) {
  Value<std::string> v;
  EXPECT_TRUE(v.CompareAndSwap(nullptr, "a"));
  EXPECT_FALSE(v.CompareAndSwap(nullptr, "b"));
  EXPECT_EQ(*v.Load(), "a");
  Value<int*> pointer;
  EXPECT_NE(PanicOf([&] { pointer.CompareAndSwap(nullptr, nullptr); }), "");
}

TEST_F(ValueTest, ConcurrentCompareAndSwapsLoseNothing) {
  Value<int> v;
  v.Store(0);
  {
    Crew crew;
    crew.Mixed(4, [&](int) {
      for (int i = 0; i < 500; ++i) {
        for (;;) {
          const int seen = *v.Load();
          if (v.CompareAndSwap(seen, seen + 1)) break;
        }
      }
    });
  }
  EXPECT_EQ(*v.Load(), 2000);
}

}  // namespace
}  // namespace weft
