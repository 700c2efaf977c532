// Bugs planted into select, one at a time; as chan_mutants_test.
#include "gtest/gtest.h"
#include "weft/chan/mutants/expect_found.h"

namespace weft::chan_model {
namespace {

using model::Bounds;

const Setting kTwoUnbuffered = {{0, 0}};

TEST(SelectMutantsTest, TwoPeersForOneSelect) {
  ExpectFound(Scripts(kTwoUnbuffered, {{Select({Recv(0), Recv(1)})}, {Close(0)}, {Close(1)}}),
              Bounds(3, 2),
              {{chan_mutants::kFiredByLoadAndStore, "Ready()"},
               {chan_mutants::kClaimsAnEntryThatHasFired, "Ready()"},
               {chan_mutants::kSelectRecheckDropped, kStuck}});
}

TEST(SelectMutantsTest, LosingEntry) {
  ExpectFound(
      Scripts(kTwoUnbuffered, {{Select({Recv(0), Recv(1)})}, {Send(0, 21), TrySend(1, 22)}}), {},
      {{chan_mutants::kLoserNotDequeued, "destruction"}});
}

TEST(SelectMutantsTest, OppositeOrders) {
  ExpectFound(
      Scripts(kTwoUnbuffered, {{Select({Send(0, 11), Send(1, 12)})}, {Select({Recv(1), Recv(0)})}}),
      {}, {{chan_mutants::kSelectLocksAsItStands, kStuck}});
}

TEST(SelectMutantsTest, BothDirections) {
  ExpectFound(Scripts(0, {{Select({Send(0, 11), Recv(0)})}, {Select({Send(0, 21), Recv(0)})}}), {},
              {{chan_mutants::kSelectLocksAChannelTwice, kStuck}});
}

// At every instant there is an element in the one or in the other.
TEST(SelectMutantsTest, Default) {
  ExpectFound(Scripts(Setting{{1, 1}, {Send(0, 1)}},
                      {{SelectOrDefault({Recv(1), Recv(0)})}, {Send(1, 21), TryRecv(0)}},
                      [](const Ledger& ledger) {
                        Check(ledger.defaults(0) == 0, "a case was ready all the time");
                      }),
              {}, {{chan_mutants::kDefaultWithoutACommonInstant, "ready all the time"}});
}

TEST(SelectMutantsTest, ClosedWhileItWaits) {
  ExpectFound(Scripts(kTwoUnbuffered, {{Select({Send(0, 11), Send(1, 12)})}, {Close(0)}}), {},
              {{chan_mutants::kSelectForgetsThatItWasClosed, "what was sent"},
               {chan_mutants::kNotWokenOnClose, kStuck}});
}

}  // namespace
}  // namespace weft::chan_model
