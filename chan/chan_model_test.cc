// Channels under the model explorer: the configurations of small programs that stand for the proof in DESIGN.md, with
// the elements checked for data races.
#include "weft/chan/model_programs.h"

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::chan_model {
namespace {

using model::Options;

const Script kClose = {Close(0)};

Script operator+(Script a, const Script& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// The configurations of the sequentially consistent model that the design began with, within bounds where everything
// is too much.
TEST(ChanModelTest, OneSlotOneSenderOneReceiver) {
  model::ExpectSound(Scripts(1, {Sends({11}), Recvs(1)}));
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Recvs(2)}), Bounds(3, model::kUnbounded));
}

TEST(ChanModelTest, OneSlotTwoSendersOneReceiver) {
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Sends({21}), Recvs(3)}), Bounds(2, 2));
}

TEST(ChanModelTest, OneSlotOneSenderTwoReceivers) {
  model::ExpectSound(Scripts(1, {Sends({11, 12, 13}), Recvs(2), Recvs(1)}), Bounds(2, 1));
}

TEST(ChanModelTest, TwoSlotsTwoSendersTwoReceivers) {
  model::ExpectSound(Scripts(2, {Sends({11, 12}), Sends({21, 22}), Recvs(2), Recvs(2)}), Bounds(1, 1));
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
  model::ExpectSound(Scripts(1, {Sends({11, 12}), Sends({21}), Recvs(1), TryRecvs(2) + kClose}), Bounds(1, 2));
}

TEST(ChanModelTest, NoSlotsTwoSendersTwoReceivers) {
  model::ExpectSound(Scripts(0, {Sends({11}), Sends({21}), Recvs(1), Recvs(1)}), Bounds(2, 2));
}

TEST(ChanModelTest, NoSlotsClose) {
  model::ExpectSound(Scripts(0, {Sends({11, 12}), Sends({21}), Recvs(2), kClose}), Bounds(1, 2));
}

// Six threads are too many to enumerate.
TEST(ChanModelTest, OneSlotThreeSendersThreeReceivers) {
  Options options;
  options.search = Options::Search::kPct;
  options.executions = 20'000;
  model::ExpectSound(Scripts(1, {Sends({11}), Sends({21}), Sends({31}), Recvs(1), Recvs(1), Recvs(1)}), options);
}

}  // namespace
}  // namespace weft::chan_model
