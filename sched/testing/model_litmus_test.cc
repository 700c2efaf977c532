// The explorer against the classic litmus tests: which outcomes the C++ memory model allows, and
// which it forbids.
#include <array>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/testing/model.h"

namespace weft::sched_internal::model {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kAcqRel = std::memory_order_acq_rel;
constexpr auto kSeqCst = std::memory_order_seq_cst;

using Outcome = std::vector<int>;
using Order = std::memory_order;

struct State {
  Atomic<int> x{0};
  Atomic<int> y{0};
  Atomic<int> z{0};
  std::array<int, 6> r{};  // each written by one thread, read at the end
};

// All outcomes (the first `registers` of r) of the threads, each a function of the shared state.
std::set<Outcome> Outcomes(size_t registers,
                           const std::vector<std::function<void(State&)>>& threads,
                           Options options = {}) {
  std::set<Outcome> outcomes;
  const Result result = Explore(options, [&](Program& p) {
    State& s = p.Make<State>();
    p.Name(&s.x, "x");
    p.Name(&s.y, "y");
    p.Name(&s.z, "z");
    for (const auto& thread : threads) p.Thread([&s, &thread] { thread(s); });
    p.Finally(
        [&s, &outcomes, registers] { outcomes.emplace(s.r.begin(), s.r.begin() + registers); });
  });
  EXPECT_TRUE(result.ok()) << result.report;
  EXPECT_TRUE(result.complete) << result;
  return outcomes;
}

std::set<Outcome> StoreBuffering(Order store, Order load) {
  return Outcomes(2, {[=](State& s) {
                        s.x.store(1, store);
                        s.r[0] = s.y.load(load);
                      },
                      [=](State& s) {
                        s.y.store(1, store);
                        s.r[1] = s.x.load(load);
                      }});
}

TEST(ModelLitmusTest, StoreBufferingIsSeenUnlessSeqCst) {
  EXPECT_EQ(StoreBuffering(kRelaxed, kRelaxed),
            (std::set<Outcome>{{0, 0}, {0, 1}, {1, 0}, {1, 1}}));
  EXPECT_EQ(StoreBuffering(kRelease, kAcquire),
            (std::set<Outcome>{{0, 0}, {0, 1}, {1, 0}, {1, 1}}));
  EXPECT_TRUE(StoreBuffering(kSeqCst, kAcquire).contains({0, 0}));
  EXPECT_TRUE(StoreBuffering(kRelease, kSeqCst).contains({0, 0}));
  EXPECT_EQ(StoreBuffering(kSeqCst, kSeqCst), (std::set<Outcome>{{0, 1}, {1, 0}, {1, 1}}));
}

TEST(ModelLitmusTest, SeqCstFencesForbidStoreBuffering) {
  for (const Order order : {kAcqRel, kSeqCst}) {
    auto thread = [order](Atomic<int> State::*mine, Atomic<int> State::*other, int r) {
      return [=](State& s) {
        (s.*mine).store(1, kRelaxed);
        Fence(order);
        s.r[r] = (s.*other).load(kRelaxed);
      };
    };
    const auto outcomes =
        Outcomes(2, {thread(&State::x, &State::y, 0), thread(&State::y, &State::x, 1)});
    EXPECT_EQ(outcomes.contains({0, 0}), order == kAcqRel);
  }
}

TEST(ModelLitmusTest, StoreBufferingThroughReadModifyWrites) {
  // An exchange does not order a later acquire load of another location; a fetch_add(0) that reads
  // does see the newest.
  auto outcomes = [](bool update) {
    auto thread = [update](Atomic<int> State::*mine, Atomic<int> State::*other, int r) {
      return [=](State& s) {
        (s.*mine).exchange(1, kAcqRel);
        s.r[r] = update ? (s.*other).fetch_add(0, kAcqRel) : (s.*other).load(kAcquire);
      };
    };
    return Outcomes(2, {thread(&State::x, &State::y, 0), thread(&State::y, &State::x, 1)});
  };
  EXPECT_TRUE(outcomes(false).contains({0, 0}));
  EXPECT_FALSE(outcomes(true).contains({0, 0}));
}

std::set<Outcome> MessagePassing(Order store, Order load) {
  return Outcomes(2, {[=](State& s) {
                        s.x.store(1, kRelaxed);
                        s.y.store(1, store);
                      },
                      [=](State& s) {
                        s.r[0] = s.y.load(load);
                        s.r[1] = s.x.load(kRelaxed);
                      }});
}

TEST(ModelLitmusTest, MessagePassingNeedsBothSides) {
  EXPECT_TRUE(MessagePassing(kRelaxed, kRelaxed).contains({1, 0}));
  EXPECT_TRUE(MessagePassing(kRelease, kRelaxed).contains({1, 0}));
  EXPECT_TRUE(MessagePassing(kRelaxed, kAcquire).contains({1, 0}));
  EXPECT_EQ(MessagePassing(kRelease, kAcquire), (std::set<Outcome>{{0, 0}, {0, 1}, {1, 1}}));
}

TEST(ModelLitmusTest, FencesPassMessages) {
  for (const bool with : {true, false}) {
    const auto outcomes = Outcomes(2, {[=](State& s) {
                                         s.x.store(1, kRelaxed);
                                         if (with) Fence(kRelease);
                                         s.y.store(1, kRelaxed);
                                       },
                                       [=](State& s) {
                                         s.r[0] = s.y.load(kRelaxed);
                                         if (with) Fence(kAcquire);
                                         s.r[1] = s.x.load(kRelaxed);
                                       }});
    EXPECT_EQ(outcomes.contains({1, 0}), !with);
  }
}

std::set<Outcome> IndependentReads(Order store, Order load) {
  return Outcomes(4,
                  {[=](State& s) { s.x.store(1, store); }, [=](State& s) { s.y.store(1, store); },
                   [=](State& s) {
                     s.r[0] = s.x.load(load);
                     s.r[1] = s.y.load(load);
                   },
                   [=](State& s) {
                     s.r[2] = s.y.load(load);
                     s.r[3] = s.x.load(load);
                   }});
}

TEST(ModelLitmusTest, IndependentReadsDisagreeUnlessSeqCst) {
  EXPECT_TRUE(IndependentReads(kRelease, kAcquire).contains({1, 0, 1, 0}));
  const auto outcomes = IndependentReads(kSeqCst, kSeqCst);
  EXPECT_FALSE(outcomes.contains({1, 0, 1, 0}));
  EXPECT_EQ(outcomes.size(), 15u);
}

TEST(ModelLitmusTest, ReadsOfOneLocationAgreeOnItsOrder) {
  auto reader = [](int r) {
    return [r](State& s) {
      s.r[r] = s.x.load(kRelaxed);
      s.r[r + 1] = s.x.load(kRelaxed);
    };
  };
  const auto outcomes =
      Outcomes(4, {[](State& s) { s.x.store(1, kRelaxed); },
                   [](State& s) { s.x.store(2, kRelaxed); }, reader(0), reader(2)});
  EXPECT_TRUE(outcomes.contains({1, 2, 1, 2}));
  EXPECT_TRUE(outcomes.contains({2, 1, 2, 1}));
  EXPECT_FALSE(outcomes.contains({1, 2, 2, 1}));
  EXPECT_FALSE(outcomes.contains({1, 0, 0, 0}));
}

TEST(ModelLitmusTest, AThreadReadsItsOwnStores) {
  const auto outcomes = Outcomes(1, {[](State& s) {
                                       s.x.store(1, kRelaxed);
                                       s.r[0] = s.x.load(kRelaxed);
                                     },
                                     [](State& s) { s.x.store(2, kRelaxed); }});
  EXPECT_EQ(outcomes, (std::set<Outcome>{{1}, {2}}));
}

std::set<Outcome> TwoPlusTwoWrites(Order order) {
  Options options;
  options.reorder_stores = true;
  auto thread = [order](Atomic<int> State::*first, Atomic<int> State::*second, int r) {
    return [=](State& s) {
      (s.*first).store(1, order);
      (s.*second).store(2, order);
      s.r[r] = (s.*second).load(order == kSeqCst ? kSeqCst : kRelaxed);
    };
  };
  std::set<Outcome> outcomes;
  Explore(options, [&](Program& p) {
    State& s = p.Make<State>();
    p.Thread([&s, thread] { thread(&State::x, &State::y, 0)(s); });
    p.Thread([&s, thread] { thread(&State::y, &State::x, 1)(s); });
    p.Finally([&] { outcomes.insert({s.x.load(kRelaxed), s.y.load(kRelaxed)}); });
  });
  return outcomes;
}

TEST(ModelLitmusTest, TwoPlusTwoWritesWithReorderedStores) {
  EXPECT_TRUE(TwoPlusTwoWrites(kRelease).contains({1, 1}));
  EXPECT_FALSE(TwoPlusTwoWrites(kSeqCst).contains({1, 1}));
}

TEST(ModelLitmusTest, CausalityIsTransitive) {
  auto outcomes = [](Order order) {
    return Outcomes(3, {[=](State& s) {
                          s.x.store(1, kRelaxed);
                          s.y.store(1, kRelease);
                        },
                        [=](State& s) {
                          s.r[0] = s.y.load(order);
                          if (s.r[0] == 1) s.z.store(1, kRelease);
                        },
                        [=](State& s) {
                          s.r[1] = s.z.load(kAcquire);
                          s.r[2] = s.x.load(kRelaxed);
                        }});
  };
  EXPECT_FALSE(outcomes(kAcquire).contains({1, 1, 0}));
  EXPECT_TRUE(outcomes(kRelaxed).contains({1, 1, 0}));
}

TEST(ModelLitmusTest, AReleaseSequenceGoesOnThroughUpdatesOnly) {
  auto outcomes = [](bool update) {
    return Outcomes(2, {[](State& s) {
                          s.x.store(1, kRelaxed);
                          s.y.store(1, kRelease);
                        },
                        [update](State& s) {
                          if (update) {
                            s.y.fetch_add(1, kRelaxed);
                          } else if (s.y.load(kRelaxed) == 1) {
                            s.y.store(2, kRelaxed);
                          }
                        },
                        [](State& s) {
                          s.r[0] = s.y.load(kAcquire);
                          s.r[1] = s.x.load(kRelaxed);
                        }});
  };
  EXPECT_FALSE(outcomes(true).contains({2, 0}));
  EXPECT_TRUE(outcomes(false).contains({2, 0}));
}

TEST(ModelLitmusTest, UpdatesReadTheNewestValue) {
  auto add = [](int r) { return [r](State& s) { s.r[r] = s.x.fetch_add(1, kRelaxed); }; };
  EXPECT_EQ(Outcomes(3, {add(0), add(1), add(2)}).size(), 6u);
}

TEST(ModelLitmusTest, AFailedCompareExchangeMayReadAnOldValue) {
  const auto outcomes = Outcomes(2, {[](State& s) {
                                       s.x.store(1, kRelaxed);
                                       s.y.store(1, kRelaxed);
                                     },
                                     [](State& s) {
                                       s.r[0] = s.y.load(kRelaxed);
                                       int expected = 7;
                                       s.x.compare_exchange_strong(expected, 8, kRelaxed, kRelaxed);
                                       s.r[1] = expected;
                                     }});
  EXPECT_TRUE(outcomes.contains({1, 0}));
}

TEST(ModelLitmusTest, WeakCompareExchangeFailsSpuriouslyIfAsked) {
  Options options;
  const std::vector<std::function<void(State&)>> thread = {[](State& s) {
    int expected = 0;
    s.r[0] = s.x.compare_exchange_weak(expected, 1, kRelaxed);
  }};
  EXPECT_EQ(Outcomes(1, thread, options), (std::set<Outcome>{{1}}));
  options.spurious_failures = 1;
  EXPECT_EQ(Outcomes(1, thread, options), (std::set<Outcome>{{0}, {1}}));
}

TEST(ModelLitmusTest, BoundedAndUnboundedSearchAgreeOnSmallPrograms) {
  // Three threads with two steps each: four preemptions are all there can be.
  const std::vector<std::function<void(State&)>> threads = {[](State& s) {
                                                              s.x.store(1, kRelease);
                                                              s.r[0] = s.y.load(kAcquire);
                                                            },
                                                            [](State& s) {
                                                              s.y.store(1, kRelease);
                                                              s.r[1] = s.z.load(kAcquire);
                                                            },
                                                            [](State& s) {
                                                              s.z.store(1, kRelease);
                                                              s.r[2] = s.x.load(kAcquire);
                                                              s.r[3] = s.x.exchange(5, kAcqRel);
                                                            }};
  Options bounded;
  bounded.preemptions = 6;
  EXPECT_EQ(Outcomes(4, threads), Outcomes(4, threads, bounded));
}

}  // namespace
}  // namespace weft::sched_internal::model
