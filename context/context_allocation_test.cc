// What contexts cost in allocations: counted by this program's own operator new.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/testing/fixture.h"

namespace {

std::atomic<int64_t> allocations{0};

void* Allocate(size_t bytes, size_t alignment) {
  ++allocations;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, bytes) != 0) std::abort();
  return memory;
}

}  // namespace

void* operator new(size_t bytes) { return Allocate(bytes, alignof(std::max_align_t)); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace weft {
namespace {

constexpr int kChildren = 10'000;

using ContextAllocationTest = testing::FiberTest;

TEST_F(ContextAllocationTest, AChildIsOneAllocation) {
  auto [root, cancel] = WithCancel(Background());
  std::vector<Context> children;
  children.reserve(2 * kChildren);
  const int64_t before = allocations;
  for (int i = 0; i < kChildren; ++i) {
    children.push_back(WithCancel(root).first);
    children.push_back(WithTimeout(root, absl::Hours(1)).first);
  }
  // The runtime starts with the first timer, and has some of its own.
  EXPECT_LT(allocations - before, 2 * kChildren + 100);
  EXPECT_EQ(NumFiber(), 0);
  cancel();
}

TEST_F(ContextAllocationTest, CancellingAllocatesNothingForAChild) {
  auto [root, cancel] = WithCancel(Background());
  std::vector<Context> children;
  for (int i = 0; i < kChildren; ++i)
    children.push_back(WithCancel(i % 2 == 0 ? root : children[i / 2]).first);
  const int64_t before = allocations;
  cancel();
  EXPECT_LT(allocations - before, 100);
  for (const Context& child : children) ASSERT_FALSE(child.Err().ok());
}

TEST_F(ContextAllocationTest, PollingAllocatesNothing) {
  auto [ctx, cancel] = WithCancel(Background());
  ctx.Done();
  const int64_t before = allocations;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(ctx.Err().ok());
    ASSERT_FALSE(ctx.Done().TryRecv().closed());
  }
  EXPECT_EQ(allocations, before);
  cancel();
}

// What is allocated is given back although the parent lives on: else this would be gigabytes.
TEST_F(ContextAllocationTest, AParentOutlivesAMillionChildren) {
  auto [root, cancel] = WithCancel(Background());
  auto held = std::make_shared<int>(1);
  static constexpr ContextKey<std::shared_ptr<int>> key;
  const int children = testing::Repeat(1'000'000) / 2;
  for (int i = 0; i < children; ++i) {
    WithTimeout(WithValue(root, key, held), absl::Hours(1));
    WithCancel(WithValue(root, key, held)).second();
    ASSERT_EQ(held.use_count(), 1);
  }
  EXPECT_TRUE(root.Err().ok());
  cancel();
}

}  // namespace
}  // namespace weft
