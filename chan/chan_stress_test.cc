// Many at once: what was sent is received exactly once, each sender's elements in its order,
// whatever the numbers of senders, receivers and slots, and whenever the channel is closed.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using chan_internal::CloseUnordered;
using chan_internal::PanicOf;
using weft::testing::Repeat;

using ChanStressTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, ChanStressTest, weft::testing::kWorkerCounts);

struct Element {
  int sender = 0;
  int number = 0;
};

// Per sender, what one receiver has seen.
class Ledger {
 public:
  explicit Ledger(int senders) : last_(senders, -1), count_(senders, 0) {}
  void Note(Element e) {
    EXPECT_GT(e.number, last_[e.sender]);
    last_[e.sender] = e.number;
    ++count_[e.sender];
  }
  int count(int sender) const { return count_[sender]; }

 private:
  std::vector<int> last_;
  std::vector<int> count_;
};

// What each kind of peer does. The try-forms spin by Gosched().
void SendBy(int style, const Chan<Element>& c, Element e) {
  if (style == 0) return c.Send(e);
  while (!c.TrySend(e)) Gosched();
}

void RecvBy(int style, const Chan<Element>& c, Ledger& ledger) {
  if (style == 0) {
    for (Element e : c) ledger.Note(e);
    return;
  }
  for (;;) {
    auto result = c.TryRecv();
    if (result.closed()) return;
    if (result.received()) {
      ledger.Note(*result);
    } else {
      Gosched();
    }
  }
}

void RunMatrix(int senders, int receivers, int capacity, int each, bool mixed) {
  auto c = MakeChan<Element>(capacity);
  std::vector<Ledger> ledgers(receivers, Ledger(senders));
  Group sending, receiving;
  for (int r = 0; r < receivers; ++r) {
    receiving.Go(
        [c, &ledger = ledgers[r], style = mixed ? r % 2 : 0] { RecvBy(style, c, ledger); });
  }
  for (int s = 0; s < senders; ++s) {
    sending.Go([c, s, each, style = mixed ? s % 2 : 0] {
      for (int i = 0; i < each; ++i) SendBy(style, c, {s, i});
    });
  }
  sending.Wait();
  c.Close();
  receiving.Wait();
  for (int s = 0; s < senders; ++s) {
    int total = 0;
    for (const Ledger& ledger : ledgers) total += ledger.count(s);
    EXPECT_EQ(total, each) << senders << "x" << receivers << " capacity " << capacity;
  }
}

TEST_P(ChanStressTest, ConservesElementsAndEachSendersOrder) {
  for (int senders : {1, 2, 7}) {
    for (int receivers : {1, 2, 7}) {
      for (int capacity : {0, 1, 2, 3, 10, 64, 100})
        RunMatrix(senders, receivers, capacity, Repeat(200), false);
    }
  }
}

TEST_P(ChanStressTest, ConservesElementsWhenSomePollAndSomeWait) {
  for (int capacity : {0, 1, 3, 16}) RunMatrix(4, 4, capacity, Repeat(200), true);
}

// Close against everything else: each send either ended well and its element was received or
// drained, or panicked and it was not.
TEST_P(ChanStressTest, CloseRacesWithEverything) {
  for (int round = 0; round < Repeat(60); ++round) {
    for (int capacity : {0, 1, 4}) {
      auto c = MakeChan<std::shared_ptr<int>>(capacity);
      std::atomic<int> sent{0}, received{0}, alive{0};
      auto enough = MakeChan<Empty>(1);
      Group group;
      for (int s = 0; s < 4; ++s) {
        group.Go([c, &sent, &alive] {
          for (;;) {
            ++alive;
            std::shared_ptr<int> value(new int(0), [&alive](int* p) {
              --alive;
              delete p;
            });
            std::string panic = PanicOf([&] { c.Send(std::move(value)); });
            if (!panic.empty()) {
              EXPECT_EQ(panic, "send on closed channel");
              return;
            }
            ++sent;
          }
        });
      }
      for (int r = 0; r < 3; ++r) {
        group.Go([c, round, enough, &received] {
          for (auto&& value : c) {
            EXPECT_EQ(*value, 0);
            if (++received == round) enough.Send({});
          }
        });
      }
      if (round > 0) enough.Recv();
      CloseUnordered(c);
      group.Wait();
      EXPECT_EQ(sent, received);
      EXPECT_EQ(alive, 0);
      EXPECT_EQ(c.len(), 0);
    }
  }
}

TEST_P(ChanStressTest, OnlyOneOfManyClosesSucceeds) {
  for (int round = 0; round < Repeat(50); ++round) {
    auto c = MakeChan<int>(round % 2);
    std::atomic<int> succeeded{0};
    Group group;
    for (int i = 0; i < 6; ++i) {
      group.Go([c, &succeeded] {
        std::string panic = PanicOf([&] { CloseUnordered(c); });
        if (panic.empty()) {
          ++succeeded;
        } else {
          EXPECT_EQ(panic, "close of closed channel");
        }
      });
    }
    group.Wait();
    EXPECT_EQ(succeeded, 1);
  }
}

// While some wait and some do not, len() stays within its bounds.
TEST_P(ChanStressTest, LenStaysWithinCapacity) {
  weft::testing::RunInFiber([] {
    auto c = MakeChan<Element>(3);
    std::atomic<bool> over{false};
    Group group, watch;
    watch.Go([c, &over] {
      while (!over) {
        int64_t len = c.len();
        EXPECT_TRUE(len >= 0 && len <= 3) << len;
        Gosched();
      }
    });
    Ledger ledger(3);
    for (int s = 0; s < 3; ++s) {
      group.Go([c, s] {
        for (int i = 0; i < 2000; ++i) c.Send({s, i});
      });
    }
    for (int i = 0; i < 6000; ++i) ledger.Note(*c.Recv());
    group.Wait();
    over = true;
    watch.Wait();
  });
}

TEST_P(ChanStressTest, HandlesComeAndGoWhileOthersUseTheChannel) {
  for (int round = 0; round < Repeat(100); ++round) {
    Group group;
    {
      auto c = MakeChan<std::unique_ptr<int>>(2);
      for (int i = 0; i < 3; ++i) group.Go([c] { c.Send(std::make_unique<int>(1)); });
      for (int i = 0; i < 2; ++i) group.Go([c] { EXPECT_EQ(*c.Recv().value(), 1); });
    }
    group.Wait();  // one element is left; the last handle's owner drops it
  }
}

TEST_P(ChanStressTest, ThreadsAndFibersShareAChannel) {
  auto c = MakeChan<Element>(2);
  constexpr int kEach = 500;
  Ledger ledger(4);
  std::vector<std::thread> threads;
  Group group;
  for (int s = 0; s < 4; ++s) {
    auto send = [c, s] {
      for (int i = 0; i < kEach; ++i) c.Send({s, i});
    };
    if (s % 2 == 0) {
      threads.emplace_back(send);
    } else {
      group.Go(send);
    }
  }
  for (int i = 0; i < 4 * kEach; ++i) ledger.Note(*c.Recv());
  for (std::thread& thread : threads) thread.join();
  group.Wait();
}

}  // namespace
}  // namespace weft
