// Whole programs with channels, each made for one rule: order along a chain, one winner for each
// select, a fair choice, nothing lost or doubled among many, and a price for losing that does not
// depend on the crowd.
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <new>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/chan_core.h"
#include "weft/chan/internal/test_util.h"
#include "weft/chan/internal/waiter.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/testing/fixture.h"
#include "weft/sched/testing/seed.h"

namespace weft {
namespace {

using chan_internal::AwaitReceivers;
using chan_internal::AwaitSenders;
using chan_internal::Group;
using chan_internal::Waiter;
using chan_internal::WaitingReceivers;
using chan_internal::WaitingSenders;
using testing::Repeat;
using testing::RunInFiber;

using ChanProgramsTest = testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, ChanProgramsTest, testing::kWorkerCounts);

constexpr bool kSlow = sched_internal::kTsan || sched_internal::kAsan;

// ---- Chains ----

// Each fiber adds one to what comes from its right.
TEST_P(ChanProgramsTest, AChainOfAThousandFibersKeepsTheOrder) {
  constexpr int kLength = 1000;
  for (int capacity : {0, 4}) {
    const int values = Repeat(20);
    Group fibers;
    auto first = MakeChan<int>(capacity);
    auto left = first;
    for (int i = 0; i < kLength; ++i) {
      auto right = MakeChan<int>(capacity);
      fibers.Go([left, right] {
        for (int v : right) left.Send(v + 1);
        left.Close();
      });
      left = right;
    }
    fibers.Go([left, values] {
      for (int v = 0; v < values; ++v) left.Send(v);
      left.Close();
    });
    int next = 0;
    for (int v : first) EXPECT_EQ(v, kLength + next++);
    EXPECT_EQ(next, values);
    fibers.Wait();
  }
}

// The sieve of Eratosthenes: a chain that grows by a filter for each prime.
TEST_P(ChanProgramsTest, TheSieveFindsThePrimes) {
  constexpr int limit = kSlow ? 500 : 1500;
  std::vector<int> found, expected;
  RunInFiber([&] {
    auto candidates = MakeChan<int>();
    Go([candidates] {
      for (int i = 2; i < limit; ++i) candidates.Send(i);
      candidates.Close();
    });
    while (std::optional<int> prime = candidates.Recv()) {
      found.push_back(*prime);
      auto rest = MakeChan<int>();
      Go([candidates, rest, p = *prime] {
        for (int i : candidates) {
          if (i % p != 0) rest.Send(i);
        }
        rest.Close();
      });
      candidates = rest;
    }
  });
  for (int i = 2; i < limit; ++i) {
    bool divides = std::any_of(expected.begin(), expected.end(), [i](int p) { return i % p == 0; });
    if (!divides) expected.push_back(i);
  }
  EXPECT_EQ(found, expected);
}

// ---- One winner for each select ----

// A select waits on four channels, and four partners come for it at once, one for each case. If two
// of them found it unclaimed, both would succeed. Partners of both kinds: sends to its receives,
// and receives from its sends.
TEST_P(ChanProgramsTest, OfFourPartnersAtOnceExactlyOneMeetsTheSelect) {
  std::array<Chan<int>, 4> c;
  for (auto& chan : c) chan = MakeChan<int>();
  for (int round = 0; round < Repeat(2000); ++round) {
    std::optional<int> got;
    int ran = -1;
    std::array<std::atomic<bool>, 4> met{};
    std::atomic<int> ready{0};
    Group fibers;
    fibers.Go([&] {
      ran = Select(OnRecv(c[0], &got), OnSend(c[1], -1), OnRecv(c[2], &got), OnSend(c[3], -3));
    });
    for (int i = 0; i < 4; ++i) {
      fibers.Go([&, i] {
        if (i % 2 == 0) {
          AwaitReceivers(c[i], 1);
        } else {
          AwaitSenders(c[i], 1);
        }
        ++ready;
        while (ready != 4) Gosched();
        if (i % 2 == 0) {
          met[i] = c[i].TrySend(i);
        } else {
          TryRecvResult<int> result = c[i].TryRecv();
          met[i] = result.received();
          EXPECT_EQ(result.value(), result.received() ? std::optional<int>(-i) : std::nullopt);
        }
      });
    }
    fibers.Wait();
    for (int i = 0; i < 4; ++i)
      ASSERT_EQ(met[i], ran == i) << "case " << ran << " ran, partner " << i;
    EXPECT_EQ(got, ran % 2 == 0 ? std::optional<int>(ran) : std::nullopt);
  }
}

// The classic form: one number is offered on four channels at once, and the four receivers feed one
// collector. A number that comes twice was sent by two cases of one select.
TEST_P(ChanProgramsTest, ANumberOfferedOnFourChannelsArrivesOnce) {
  const int numbers = Repeat(20'000);
  std::array<Chan<int>, 4> offers;
  for (auto& offer : offers) offer = MakeChan<int>();
  auto merged = MakeChan<int>();
  Group fibers, forwarders;
  fibers.Go([&offers, numbers] {
    for (int i = 0; i < numbers; ++i) {
      Select(OnSend(offers[0], i), OnSend(offers[1], i), OnSend(offers[2], i),
             OnSend(offers[3], i));
    }
    for (auto& offer : offers) offer.Close();
  });
  for (auto& offer : offers) {
    forwarders.Go([offer, merged] {
      int last = -1;
      for (int v : offer) {
        EXPECT_GT(v, last);
        last = v;
        merged.Send(v);
      }
    });
  }
  fibers.Go([&] {
    forwarders.Wait();
    merged.Close();
  });
  std::vector<int> seen(numbers);
  for (int v : merged) ++seen[v];
  for (int i = 0; i < numbers; ++i) ASSERT_EQ(seen[i], 1) << i;
  fibers.Wait();
}

// Many selects that both send to and receive from one channel. None may meet itself, and each
// meeting has two sides.
TEST_P(ChanProgramsTest, SelectsInBothDirectionsNeverMeetThemselves) {
  constexpr int kFibers = 5;
  const int64_t meetings = Repeat(5000);
  auto c = MakeChan<int>();
  auto quit = MakeChan<Empty>();
  std::atomic<int64_t> sent{0}, received{0};
  Group fibers;
  for (int self = 0; self < kFibers; ++self) {
    fibers.Go([&, self] {
      for (;;) {
        std::optional<int> from;
        switch (Select(OnSend(c, self), OnRecv(c, &from), OnRecv(quit))) {
          case 0:
            ++sent;
            break;
          case 1:
            EXPECT_NE(from, self);
            if (++received == meetings) quit.Close();
            break;
          case 2:
            return;
        }
      }
    });
  }
  fibers.Wait();
  EXPECT_EQ(sent, received);
  EXPECT_EQ(WaitingReceivers(c) + WaitingSenders(c), 0);
}

// ---- Fair choice ----

// Sum over the cells of (seen - expected)^2 / expected.
double ChiSquare(const std::vector<int>& seen) {
  double expected =
      std::accumulate(seen.begin(), seen.end(), 0.0) / static_cast<double>(seen.size());
  double sum = 0;
  for (int n : seen) sum += (n - expected) * (n - expected) / expected;
  return sum;
}

// Exceeded by chance once in ten million runs: with three degrees of freedom, and with fifteen.
constexpr double kLimit4 = 36.0;
constexpr double kLimit16 = 62.0;

// Sends and receives, ready throughout: whatever else the machine does has no influence.
TEST_P(ChanProgramsTest, ReadySendsAndReceivesAreChosenAlikeOften) {
  RunInFiber([] {
    constexpr int kDraws = 20'000;
    auto in = MakeChan<int>(kDraws), out = MakeChan<int>(kDraws), both = MakeChan<int>(2 * kDraws);
    auto never = MakeChan<int>();
    for (int i = 0; i < kDraws; ++i) {
      in.Send(i);
      both.Send(i);
    }
    std::vector<int> seen(4);
    for (int i = 0; i < kDraws; ++i) {
      int ran = Select(OnRecv(never), OnRecv(in), OnSend(never, 1), OnSend(out, 1), OnRecv(both),
                       OnSend(both, 1));
      ++seen.at(ran == 1 ? 0 : ran - 2);
    }
    EXPECT_LT(ChiSquare(seen), kLimit4);
  });
}

// How often a case runs does not depend on how many that are not ready stand before it.
TEST_P(ChanProgramsTest, NoNeighbourOfCasesThatAreNotReadyIsPreferred) {
  RunInFiber([] {
    auto ready = MakeChan<int>();
    ready.Close();
    auto never = MakeChan<int>();
    constexpr int kCases = 16;
    for (int gap : {0, 1, 3}) {
      std::vector<SelectCase> cases;
      for (int i = 0; i < kCases; ++i) {
        cases.push_back(OnRecv(ready));
        // Gaps of all lengths from 0 to `gap`: a search from a random start would favour what
        // follows a long one.
        for (int k = 0; k < i % (gap + 1); ++k) cases.push_back(OnRecv(never));
      }
      std::vector<int> counts(cases.size());
      for (int i = 0; i < (kSlow ? 8'000 : 32'000); ++i) ++counts[Select(cases)];
      std::erase(counts, 0);
      ASSERT_EQ(std::ssize(counts), kCases);
      EXPECT_LT(ChiSquare(counts), kLimit16) << "gap " << gap;
    }
  });
}

// Between two that are always ready again neither is left waiting for long.
TEST_P(ChanProgramsTest, NoReadyCaseIsPassedOverForLong) {
  auto a = MakeChan<int>(), b = MakeChan<int>();
  a.Close();
  b.Close();
  int run = 0, longest = 0, last = -1;
  for (int i = 0; i < 100'000; ++i) {
    int ran = Select(OnRecv(a), OnRecv(b));
    run = ran == last ? run + 1 : 1;
    last = ran;
    longest = std::max(longest, run);
  }
  EXPECT_LT(longest, 50);  // by chance: once in 10^10 runs of the test
  EXPECT_GT(longest, 5);
}

// ---- Many to many ----

struct Item {
  int producer = 0;
  int number = 0;
};

// Producers and consumers select among channels of three kinds. Every item arrives once, and what
// one producer has put into one channel reaches each consumer in order.
void RunMatrix(int producers, int consumers, int capacity, int each) {
  const std::array<Chan<Item>, 3> c = {MakeChan<Item>(capacity), MakeChan<Item>(1),
                                       MakeChan<Item>()};
  std::vector<std::atomic<int>> seen(producers * each);
  Group producing, consuming;
  for (int p = 0; p < producers; ++p) {
    producing.Go([&c, p, each] {
      for (int i = 0; i < each; ++i) {
        Item item = {p, i};
        Select(OnSend(c[0], item), OnSend(c[1], item), OnSend(c[2], item));
      }
    });
  }
  for (int k = 0; k < consumers; ++k) {
    consuming.Go([&c, &seen, producers, each] {
      std::array<std::vector<int>, 3> last;
      for (auto& of_channel : last) of_channel.assign(producers, -1);
      std::array<Chan<Item>, 3> open = c;
      while (open[0] || open[1] || open[2]) {
        std::optional<Item> item;
        int ran = Select(OnRecv(open[0], &item), OnRecv(open[1], &item), OnRecv(open[2], &item));
        if (!item) {
          open[ran] = nullptr;
          continue;
        }
        EXPECT_GT(item->number, std::exchange(last[ran][item->producer], item->number));
        ++seen[item->producer * each + item->number];
      }
    });
  }
  producing.Wait();
  for (const auto& chan : c) chan.Close();
  consuming.Wait();
  for (size_t i = 0; i < seen.size(); ++i)
    ASSERT_EQ(seen[i], 1) << producers << "x" << consumers << ", item " << i;
}

TEST_P(ChanProgramsTest, ProducersAndConsumersBySelectLoseAndDoubleNothing) {
  for (int producers : {1, 2, 4, 16}) {
    for (int consumers : {1, 2, 4, 16}) {
      for (int capacity : {0, 1, 10, 100}) RunMatrix(producers, consumers, capacity, Repeat(300));
    }
  }
}

// ---- Losing costs the same in any crowd ----

// A waiter alone in a page that can be made untouchable.
class LonelyWaiters {
 public:
  explicit LonelyWaiters(int n) : n_(n), page_(sysconf(_SC_PAGESIZE)) {
    base_ = static_cast<char*>(
        mmap(nullptr, n_ * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (int i = 0; i < n; ++i) ::new (base_ + i * page_) Waiter;
  }
  ~LonelyWaiters() { munmap(base_, n_ * page_); }
  LonelyWaiters(const LonelyWaiters&) = delete;
  LonelyWaiters& operator=(const LonelyWaiters&) = delete;

  Waiter& operator[](int i) { return *reinterpret_cast<Waiter*>(base_ + i * page_); }
  void Forbid() { mprotect(base_, n_ * page_, PROT_NONE); }
  void Allow(int i) {
    if (i >= 0 && i < n_) mprotect(base_ + i * page_, page_, PROT_READ | PROT_WRITE);
  }

 private:
  const int n_;
  const size_t page_;
  char* base_;
};

// Counted, not timed: whichever of a thousand waiters leaves, only it and its two neighbours are
// touched. Any other access ends the test with a segmentation fault.
TEST(SelectCostTest, LeavingAQueueTouchesNobodyButTheNeighbours) {
  constexpr int kWaiters = 1000;
  for (int leaving : {0, 1, kWaiters / 2, kWaiters - 2, kWaiters - 1}) {
    auto c = MakeChan<int>();
    chan_internal::FiredWord fired{7};  // each has fired elsewhere
    LonelyWaiters waiters(kWaiters);
    c.core()->lock();
    for (int i = 0; i < kWaiters; ++i) {
      waiters[i].fired = &fired;
      c.core()->receivers().PushBack(waiters[i]);
    }
    c.core()->unlock();
    waiters.Forbid();
    for (int near : {-1, 0, 1}) waiters.Allow(leaving + near);
    c.core()->Dequeue(waiters[leaving], /*is_send=*/false);
    for (int i = 0; i < kWaiters; ++i) waiters.Allow(i);
    EXPECT_EQ(WaitingReceivers(c), kWaiters - 1);
    EXPECT_FALSE(waiters[leaving].queued);
    EXPECT_FALSE(c.TrySend(1)) << "nobody is left who could receive";
  }
}

double CpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Two selects stand n times each in one queue, one behind the other; then `first` of them leaves,
// and the other. A dequeue that searched, from either end, would pass n others n times.
double LeaveCrowdedQueue(int n, int first) {
  auto crowded = MakeChan<int>();
  std::array<Chan<int>, 2> own = {MakeChan<int>(), MakeChan<int>()};
  auto left = MakeChan<int>();
  Group fibers;
  for (int i = 0; i < 2; ++i) {
    fibers.Go([&, i] {
      std::vector<SelectCase> cases;
      cases.reserve(n + 1);
      for (int k = 0; k < n; ++k) cases.push_back(OnRecv(crowded));
      cases.push_back(OnRecv(own[i]));
      EXPECT_EQ(Select(cases), n);
      left.Send(i);
    });
    AwaitReceivers(own[i], 1);
  }
  EXPECT_EQ(WaitingReceivers(crowded), 2 * n);
  double start = CpuSeconds();
  for (int i : {first, 1 - first}) {
    own[i].Send(1);
    EXPECT_EQ(left.Recv(), i);
  }
  double spent = CpuSeconds() - start;
  EXPECT_EQ(WaitingReceivers(crowded), 0);
  fibers.Wait();
  return spent;
}

// A hundred times as many waiters: a hundred times the time if the cost is linear, ten thousand
// times if it is quadratic. Processor time, of which a busy machine takes nothing away; the bound
// is ten times what is linear.
TEST(SelectCostTest, LeavingCostsInProportionToTheNumberOfWaiters) {
  RunInFiber([] {
    const int former = GOMAXPROCS(1);
    for (int first : {0, 1}) {
      double small = 1e9, large = 1e9;
      for (int i = 0; i < 5; ++i) small = std::min(small, LeaveCrowdedQueue(1000, first));
      for (int i = 0; i < (kSlow ? 1 : 3); ++i)
        large = std::min(large, LeaveCrowdedQueue(100'000, first));
      EXPECT_LT(large, small * 100 * 10) << "1,000: " << small << " s, 100,000: " << large << " s";
    }
    GOMAXPROCS(former);
  });
}

// The same crowd as fibers, which leave in random order, each by its own channel.
TEST_P(ChanProgramsTest, ACrowdOfSelectsLeavesOneQueueInAnyOrder) {
  const uint64_t seed = testing::Seed();
  const int n = kSlow ? 500 : 20'000;
  auto crowded = MakeChan<int>();
  std::vector<Chan<int>> own(n);
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(seed));
  Group fibers;
  for (int i = 0; i < n; ++i) {
    own[i] = MakeChan<int>();
    fibers.Go([&, i] {
      std::optional<int> got;
      EXPECT_EQ(Select(OnRecv(crowded), OnRecv(own[i], &got)), 1);
      EXPECT_EQ(got, i);
    });
    AwaitReceivers(own[i], 1);
  }
  for (int i : order) own[i].Send(i);
  fibers.Wait();
  EXPECT_EQ(WaitingReceivers(crowded) + WaitingSenders(crowded), 0);
}

}  // namespace
}  // namespace weft
