// Selects against selects and plain operations: nothing is lost, nothing fires twice, nobody hangs.
#include <atomic>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/test_util.h"
#include "weft/chan/select.h"
#include "weft/sched/go.h"
#include "weft/sched/panic.h"
#include "weft/sched/testing/fixture.h"

namespace weft {
namespace {

using chan_internal::Group;
using chan_internal::CloseUnordered;
using chan_internal::PanicOf;
using weft::testing::Repeat;

using SelectStressTest = weft::testing::WorkerTest;
INSTANTIATE_TEST_SUITE_P(Workers, SelectStressTest, weft::testing::kWorkerCounts);

// Four channels of different capacities. Every sender and receiver selects among all of them, in
// orders of its own.
TEST_P(SelectStressTest, EverySentElementIsReceivedOnce) {
  constexpr int kPeers = 4;
  const int each = Repeat(600);
  const std::vector<Chan<int>> c = {MakeChan<int>(0), MakeChan<int>(1), MakeChan<int>(0),
                                    MakeChan<int>(3)};
  std::vector<std::atomic<int>> seen(kPeers * each);
  auto done = MakeChan<Empty>();
  Group senders, receivers;
  for (int p = 0; p < kPeers; ++p) {
    senders.Go([&c, each, p] {
      for (int i = 0; i < each; ++i) {
        int v = p * each + i;
        if (i % 7 == 0) {
          c[i % 4].Send(v);
        } else {
          Select(OnSend(c[p], v), OnSend(c[(p + 1) % 4], v), OnSend(c[(p + 3) % 4], v));
        }
      }
    });
    receivers.Go([&c, &seen, done, p] {
      for (;;) {
        std::optional<int> v;
        int ran = Select(OnRecv(c[(p + 2) % 4], &v), OnRecv(c[p], &v), OnRecv(done),
                         OnRecv(c[(p + 1) % 4], &v), OnRecv(c[(p + 3) % 4], &v));
        if (ran == 2) break;
        ++seen[*v];
      }
      for (const Chan<int>& left : c) {
        while (auto v = left.TryRecv()) ++seen[*v];
      }
    });
  }
  senders.Wait();
  done.Close();
  receivers.Wait();
  for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], 1) << i;
}

// Both sides select on the same unbuffered channel: each meeting fires one case on each side.
TEST_P(SelectStressTest, SelectsMeetSelects) {
  constexpr int kPairs = 3;
  const int each = Repeat(500);
  auto a = MakeChan<int>(), b = MakeChan<int>();
  std::atomic<int> sent{0}, received{0};
  Group group;
  for (int p = 0; p < kPairs; ++p) {
    group.Go([=, &sent] {
      for (int i = 0; i < each; ++i) {
        Select(OnSend(a, 1), OnSend(b, 1));
        ++sent;
      }
    });
    group.Go([=, &received] {
      for (int i = 0; i < each; ++i) {
        std::optional<int> v;
        Select(OnRecv(b, &v), OnRecv(a, &v));
        received += *v;
      }
    });
  }
  group.Wait();
  EXPECT_EQ(sent, kPairs * each);
  EXPECT_EQ(received, kPairs * each);
}

// There are always more elements than hands to hold them: one in a or b at every instant. A look at
// one channel after the other would miss one that moves against the direction of looking; default
// must not.
TEST_P(SelectStressTest, DefaultOverSeveralChannelsIsOneInstant) {
  const int rounds = Repeat(3000);
  auto a = MakeChan<int>(2), b = MakeChan<int>(2);
  a.Send(0);
  std::atomic<bool> stop{false};
  Group group;
  // Puts a second element into the one before it takes the first from the other.
  group.Go([=, &stop] {
    while (!stop) {
      b.Send(1);
      a.Recv();
      a.Send(1);
      b.Recv();
      Gosched();
    }
  });
  // Looks, and changes nothing: the send cases are on channels that are never ready.
  Group watcher;
  watcher.Go([=] {
    for (int i = 0; i < rounds; ++i) {
      std::optional<int> v;
      int ran = Select(OnRecv(a, &v), OnRecv(b, &v), OnDefault());
      ASSERT_NE(ran, 2) << "round " << i;
      (ran == 0 ? a : b).Send(*v);
      if (i % 16 == 0) Gosched();
    }
  });
  watcher.Wait();
  stop = true;
  group.Wait();
}

TEST_P(SelectStressTest, CloseRacesWithSelects) {
  for (int round = 0; round < Repeat(80); ++round) {
    auto a = MakeChan<int>(round % 3), b = MakeChan<int>();
    std::atomic<int> sent{0}, received{0};
    auto enough = MakeChan<Empty>(1);
    Group group;
    for (int i = 0; i < 3; ++i) {
      group.Go([=, &sent] {
        for (;;) {
          std::string panic = PanicOf([&] { Select(OnSend(a, 1), OnSend(b, 1)); });
          if (panic.empty()) {
            ++sent;
          } else {
            EXPECT_EQ(panic, "send on closed channel");
            return;
          }
        }
      });
      group.Go([=, &received] {
        for (int open = 2; open > 0;) {
          std::optional<int> v;
          RecvChan<int> ra = a, rb = b;
          if (Select(OnRecv(ra, &v), OnRecv(rb, &v)) >= 0 && v) {
            if (++received == round) enough.Send({});
          } else {
            --open;
            Gosched();
          }
        }
        for (const auto& left : {a, b}) {
          for (int v : left) received += v;
        }
      });
    }
    if (round > 0) enough.Recv();
    CloseUnordered(a);
    CloseUnordered(b);
    group.Wait();
    EXPECT_EQ(sent, received);
  }
}

}  // namespace
}  // namespace weft
