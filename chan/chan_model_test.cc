// Channels under the model explorer: the configurations of small programs that stand for the proof
// in DESIGN.md, with the elements checked for data races.
#include "weft/chan/model_programs.h"

#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::chan_model {
namespace {

using model::Bounds;
using model::Options;

const Script kClose = {Close(0)};

Script operator+(Script a, const Script& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// All interleavings, and all that weak memory may show.
TEST(ChanModelTest, Exhaustive) {
  for (int capacity : {1, 2, 3}) {
    SCOPED_TRACE(capacity);
    model::ExpectSound(Scripts(capacity, {Sends({11}), Recvs(1)}));
    model::ExpectSound(Scripts(capacity, {Sends({11, 12}), Recvs(1)}));
    model::ExpectSound(Scripts(capacity, {Sends({11}), Sends({21}), Recvs(1)}));
    model::ExpectSound(Scripts(capacity, {Sends({11}), Recvs(1), kClose}));
  }
  model::ExpectSound(Scripts(0, {Sends({11}), Recvs(1)}));
  model::ExpectSound(Scripts(0, {Sends({11, 12}), Sends({21}), Recvs(1), Recvs(2)}));
  model::ExpectSound(Scripts(0, {Sends({11}), Recvs(1), kClose}));
}

// Two senders and two receivers, with and without somebody who closes. Larger capacities are as
// two, until they are full.
TEST(ChanModelTest, TwoByTwo) {
  const std::vector<Script> two_by_two = {Sends({11}), Sends({21}), Recvs(1), Recvs(1)};
  std::vector<Script> and_close = two_by_two;
  and_close.push_back(kClose);
  model::ExpectSound(Scripts(0, and_close), Bounds(model::kUnbounded, 1));
  for (int capacity : {1, 2}) {
    SCOPED_TRACE(capacity);
    model::ExpectSound(Scripts(capacity, two_by_two), Bounds(2, 1));
    model::ExpectSound(Scripts(capacity, and_close), Bounds(1, 1));
  }
  // Two of three slots are taken, from the second on: the senders meet at the last one, across the
  // end of a lap.
  const Setting nearly_full = {{3}, Sends({1, 2, 3}) + Recvs(1)};
  model::ExpectSound(Scripts(nearly_full, two_by_two), Bounds(2, 1));
  model::ExpectSound(Scripts(nearly_full, and_close), Bounds(1, 1));
}

// More elements, within bounds: the configurations of the sequentially consistent search that the
// design began with.
TEST(ChanModelTest, OneSlotTwoSendersOneReceiver) {
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Sends({21}), Recvs(3)}), Bounds(2, 2));
}

TEST(ChanModelTest, OneSlotOneSenderTwoReceivers) {
  model::ExpectSound(Scripts(1, {Sends({11, 12, 13}), Recvs(2), Recvs(1)}), Bounds(2, 1));
}

TEST(ChanModelTest, TwoSlotsTwoSendersTwoReceivers) {
  model::ExpectSound(Scripts(2, {Sends({11, 12}), Sends({21, 22}), Recvs(2), Recvs(2)}),
                     Bounds(1, 1));
}

TEST(ChanModelTest, OneSlotTwoSendersTwoReceivers) {
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Sends({21}), Recvs(1), Recvs(2)}), Bounds(1, 2));
}

TEST(ChanModelTest, OneSlotClose) {
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Recvs(3), kClose}), Bounds(2, 2));
}

TEST(ChanModelTest, TwoSlotsClose) {
  model::ExpectSound(Scripts(2, {Sends({11, 12}), Sends({21}), Recvs(4), kClose}), Bounds(1, 2));
}

TEST(ChanModelTest, OneSlotTryRecv) {
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Sends({21}), Recvs(1), TryRecvs(2) + kClose}),
                     Bounds(1, 2));
}

TEST(ChanModelTest, NoSlotsClose) {
  model::ExpectSound(Scripts(0, {Sends({11, 12}), Sends({21}), Recvs(2), kClose}), Bounds(1, 2));
}

// Six threads are too many to enumerate.
TEST(ChanModelTest, OneSlotThreeSendersThreeReceivers) {
  Options options;
  options.search = Options::Search::kPct;
  options.executions = 20'000;
  model::ExpectSound(
      Scripts(1, {Sends({11}), Sends({21}), Sends({31}), Recvs(1), Recvs(1), Recvs(1)}), options);
}

}  // namespace
}  // namespace weft::chan_model
