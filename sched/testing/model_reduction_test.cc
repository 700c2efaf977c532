// The reductions of the exhaustive search lose nothing: on random programs they find the same
// outcomes as a search that tries everything.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/testing/model.h"

namespace weft::sched_internal::model {
namespace {

struct Instruction {
  int kind;
  int location;
  int value;
  std::memory_order order;
};

using Instructions = std::vector<std::vector<Instruction>>;  // per thread
using Outcome = std::vector<int>;

struct State {
  std::array<Atomic<int>, 2> locations = {0, 0};
};

std::memory_order LoadOrder(std::memory_order order) {
  if (order == std::memory_order_release) return std::memory_order_relaxed;
  return order == std::memory_order_acq_rel ? std::memory_order_acquire : order;
}
std::memory_order StoreOrder(std::memory_order order) {
  if (order == std::memory_order_acquire) return std::memory_order_relaxed;
  return order == std::memory_order_acq_rel ? std::memory_order_release : order;
}

int Execute(State& s, const Instruction& i) {
  Atomic<int>& x = s.locations[i.location];
  int expected = i.value - 1;
  switch (i.kind) {
    case 0:
    case 1:
      return x.load(LoadOrder(i.order));
    case 2:
    case 3:
      x.store(i.value, StoreOrder(i.order));
      return -1;
    case 4:
      return x.fetch_add(i.value, i.order);
    case 5:
      x.compare_exchange_strong(expected, i.value + 3, i.order);
      return expected;
    case 6:
      Fence(i.order);
      return -1;
    default:  // control that depends on what was read
      return x.load(LoadOrder(i.order)) >= 2 ? s.locations[0].exchange(9, i.order) : -2;
  }
}

Instructions RandomInstructions(std::mt19937_64& bits, int threads, int length) {
  constexpr std::memory_order kOrders[] = {std::memory_order_relaxed, std::memory_order_acquire,
                                           std::memory_order_release, std::memory_order_acq_rel,
                                           std::memory_order_seq_cst, std::memory_order_seq_cst};
  Instructions program(threads);
  for (auto& thread : program) {
    for (int i = 0; i < length; ++i) {
      thread.push_back({static_cast<int>(bits() % 8), static_cast<int>(bits() % 2),
                        static_cast<int>(1 + bits() % 2), kOrders[bits() % 6]});
    }
  }
  return program;
}

std::set<Outcome> Outcomes(const Instructions& program, const Options& options, Result* result) {
  std::set<Outcome> outcomes;
  *result = Explore(options, [&](Program& p) {
    State& s = p.Make<State>();
    auto& results = p.Make<std::vector<Outcome>>(program.size());
    for (size_t t = 0; t < program.size(); ++t) {
      p.Thread([&s, &program, &results, t] {
        for (const Instruction& i : program[t]) results[t].push_back(Execute(s, i));
      });
    }
    p.Finally([&] {
      Outcome all;
      for (const Outcome& one : results) all.insert(all.end(), one.begin(), one.end());
      for (Atomic<int>& x : s.locations) all.push_back(x.load(std::memory_order_relaxed));
      outcomes.insert(all);
    });
  });
  EXPECT_TRUE(result->ok()) << *result;
  return outcomes;
}

uint64_t Seed() {
  const char* seed = std::getenv("WEFT_SEED");
  return seed != nullptr ? std::strtoull(seed, nullptr, 0) : 20240607;
}

void Compare(int threads, int length, int programs, Options options) {
  std::mt19937_64 bits(Seed());
  uint64_t reduced_executions = 0;
  uint64_t executions = 0;
  for (int n = 0; n < programs; ++n) {
    const Instructions program = RandomInstructions(bits, threads, length);
    Result result;
    options.reduce = true;
    const std::set<Outcome> reduced = Outcomes(program, options, &result);
    EXPECT_TRUE(result.complete);
    reduced_executions += result.executions;
    options.reduce = false;
    const std::set<Outcome> all = Outcomes(program, options, &result);
    EXPECT_TRUE(result.complete) << result;
    executions += result.executions;
    ASSERT_EQ(reduced, all) << "WEFT_SEED=" << Seed() << " program " << n;
  }
  std::printf("  %llu executions instead of %llu\n",
              static_cast<unsigned long long>(reduced_executions),
              static_cast<unsigned long long>(executions));
}

TEST(ModelReductionTest, SleepSetsAndStatesLoseNothing) {
  Compare(2, 4, 150, {});
  Compare(2, 5, 25, {});
  Compare(3, 2, 150, {});
}

TEST(ModelReductionTest, NorDoTheyWithReorderedStores) {
  Options options;
  options.reorder_stores = true;
  Compare(2, 3, 150, options);
  Compare(3, 2, 100, options);
}

TEST(ModelReductionTest, StatesLoseNothingUnderABound) {
  for (int preemptions = 0; preemptions < 4; ++preemptions) {
    Options options;
    options.preemptions = preemptions;
    Compare(3, 3, 25, options);
  }
}

}  // namespace
}  // namespace weft::sched_internal::model
