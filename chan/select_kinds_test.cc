// Select over every kind of element, with cases of every kind beside each other, tried and waited
// for; and that it allocates nothing.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"

namespace {

// Relaxed, both: a count, and a switch that one fiber turns while the others allocate nothing.
std::atomic<bool> counting{false};
std::atomic<int> allocations{0};

void* Allocate(size_t bytes, size_t alignment) {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
  void* p = nullptr;
  if (posix_memalign(&p, alignment, bytes) != 0) throw std::bad_alloc();
  return p;
}

}  // namespace

void* operator new(size_t bytes) { return Allocate(bytes, alignof(std::max_align_t)); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }

namespace weft {
namespace {

using chan_internal::AwaitReceivers;
using chan_internal::AwaitSenders;
using chan_internal::Group;

class SelectKindsTest : public weft::testing::FiberTest {};

struct FakeContext {
  RecvChan<Empty> Done() const { return done; }
  Chan<Empty> done = MakeChan<Empty>();
};

// The number of allocations in fn().
template <typename Fn>
int Allocations(Fn fn) {
  allocations.store(0, std::memory_order_relaxed);
  counting.store(true, std::memory_order_relaxed);
  fn();
  counting.store(false, std::memory_order_relaxed);
  return allocations.load(std::memory_order_relaxed);
}

TEST_F(SelectKindsTest, HandlersAndDestinationsStandBesideEachOther) {
  auto numbers = MakeChan<int>();
  auto words = MakeChan<std::string>(1);
  auto out = MakeChan<int>();
  FakeContext context;
  for (int winner = 0; winner < 4; ++winner) {
    std::optional<int> number = -1;
    std::string log;
    Group group;
    group.Go([=] {
      AwaitReceivers(numbers, 1);
      if (winner == 0) numbers.Send(7);
      if (winner == 1) words.Send("word");
      if (winner == 2) {
        EXPECT_EQ(out.Recv(), 5);
      }
      if (winner == 3) context.done.Close();
    });
    EXPECT_EQ(Select(OnRecv(numbers, &number),
                     OnRecv(words, [&](std::optional<std::string> w) { log = *w; }),
                     OnSend(out, 5, [&] { log = "sent"; }), OnDone(context)),
              winner);
    EXPECT_EQ(number, winner == 0 ? 7 : -1);
    EXPECT_EQ(log, winner == 1 ? "word" : winner == 2 ? "sent" : "");
    group.Wait();
  }
}

TEST_F(SelectKindsTest, AListHoldsCasesOfAllKinds) {
  auto words = MakeChan<std::string>();
  auto numbers = MakeChan<int>(1);
  FakeContext context;
  std::string log;
  std::vector<SelectCase> cases;
  cases.push_back(OnRecv(words, [&](std::optional<std::string> w) { log += *w + " "; }));
  cases.push_back(OnSend(numbers, 3, [&] { log += "sent "; }));
  cases.push_back(OnDone(context, [&] { log += "done "; }));
  cases.push_back(OnDefault([&] { log += "default "; }));
  EXPECT_EQ(Select(cases), 1);
  EXPECT_EQ(Select(cases), 3);
  context.done.Close();
  EXPECT_EQ(Select(cases), 2);
  EXPECT_EQ(log, "sent default done ");
}

struct alignas(128) OverAligned {
  explicit OverAligned(int v) : value(v) {}
  OverAligned(OverAligned&& other) noexcept : value(std::exchange(other.value, 0)) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(this) % 128, 0u);
  }
  OverAligned& operator=(OverAligned&& other) noexcept = default;
  int value;
};

struct ThrowingMove {
  explicit ThrowingMove(int v) : value(v) {}
  ThrowingMove(ThrowingMove&& other) noexcept(false) : value(std::exchange(other.value, 0)) {}
  ThrowingMove& operator=(ThrowingMove&& other) noexcept(false) {
    value = std::exchange(other.value, 0);
    return *this;
  }
  int value;
};

struct MoveOnly {
  explicit MoveOnly(int v) : owned(std::make_unique<int>(v)), value(v) {}
  std::unique_ptr<int> owned;
  int value;
};

static_assert(kChanBoxes<ThrowingMove> && !kChanBoxes<MoveOnly> && !kChanBoxes<OverAligned>);

template <typename T>
class SelectElementTest : public SelectKindsTest {};

using Elements = ::testing::Types<OverAligned, ThrowingMove, MoveOnly>;
TYPED_TEST_SUITE(SelectElementTest, Elements);

// Unbuffered and buffered; each side waits in a select while the other one comes with one.
TYPED_TEST(SelectElementTest, SelectsHandItOver) {
  for (int capacity : {0, 1, 3}) {
    auto c = MakeChan<TypeParam>(capacity);
    Chan<int> never = MakeChan<int>();
    Group group;
    group.Go([=] {
      AwaitReceivers(never, 1);
      TypeParam value(1);
      EXPECT_EQ(Select(OnSend(c, std::move(value)), OnSend(Chan<int>(), 0)), 0);
    });
    std::optional<TypeParam> got;
    EXPECT_EQ(Select(OnRecv(never), OnRecv(c, &got)), 1);
    EXPECT_EQ(got->value, 1);
    group.Wait();

    for (int i = 0; i < capacity; ++i) c.Send(TypeParam(2));
    group.Go([=] {
      AwaitSenders(c, 1);
      for (int i = 0; i < capacity; ++i) EXPECT_EQ(c.Recv()->value, 2);
      std::optional<TypeParam> last;
      EXPECT_EQ(Select(OnRecv(c, &last), OnRecv(never)), 0);
      EXPECT_EQ(last->value, 3);
    });
    TypeParam value(3);
    EXPECT_EQ(Select(OnRecv(never), OnSend(c, std::move(value))), 1);
    group.Wait();
  }
}

// What does not run gives its value back, after having waited, too.
TYPED_TEST(SelectElementTest, LosingSendsKeepTheirValue) {
  auto full = MakeChan<TypeParam>();
  auto other = MakeChan<int>();
  Group group;
  group.Go([=] {
    AwaitSenders(full, 1);
    other.Send(1);
  });
  TypeParam value(4);
  EXPECT_EQ(Select(OnSend(full, std::move(value)), OnRecv(other)), 1);
  EXPECT_EQ(value.value, 4);
  EXPECT_EQ(Select(OnSend(full, std::move(value)), OnRecv(other), OnDefault()), 2);
  EXPECT_EQ(value.value, 4);
  group.Wait();
}

TEST_F(SelectKindsTest, StatelessElements) {
  auto c = MakeChan<Empty>(2);
  Chan<int> never = MakeChan<int>();
  EXPECT_EQ(Select(OnSend(c, Empty{}), OnRecv(never)), 0);
  EXPECT_EQ(Select(OnSend(c, Empty{}), OnRecv(never)), 0);
  EXPECT_EQ(Select(OnSend(c, Empty{}), OnRecv(never), OnDefault()), 2);
  std::optional<Empty> got;
  EXPECT_EQ(Select(OnRecv(c, &got), OnRecv(never)), 0);
  EXPECT_TRUE(got.has_value());
  EXPECT_EQ(c.len(), 1);
}

// Of several cases, one with a context: ready, not ready with a default, and after having waited.
TEST_F(SelectKindsTest, AllocatesNothing) {
  auto c = MakeChan<int>();
  auto buffered = MakeChan<int>(1);
  FakeContext context;
  std::optional<int> got;
  auto select = [&] { return Select(OnRecv(c, &got), OnSend(buffered, 1), OnDone(context)); };
  EXPECT_EQ(Allocations([&] { EXPECT_EQ(select(), 1); }), 0);
  EXPECT_EQ(Allocations([&] {
              EXPECT_EQ(Select(OnRecv(c), OnSend(buffered, 1), OnDone(context), OnDefault()), 3);
            }),
            0);
  Group group;
  group.Go([c] {
    AwaitReceivers(c, 1);
    c.Send(2);
  });
  EXPECT_EQ(Allocations([&] { EXPECT_EQ(select(), 0); }), 0);
  EXPECT_EQ(got, 2);
  group.Wait();
}

}  // namespace
}  // namespace weft
