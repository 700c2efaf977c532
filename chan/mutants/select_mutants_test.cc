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

const CheckFn kNever = [](const Ledger& ledger) {
  Check(ledger.defaults(0) == 0, "a case was ready all the time");
};

TEST(SelectMutantsTest, TypedReceiveOrDefault) {
  const Instruction receive = Typed(SelectOrDefault({Recv(0)}));
  // The first slot may be claimed and not filled yet.
  ExpectFound(Scripts(2, {{Send(0, 11), receive}, {Send(0, 21)}}, kNever), {},
              {{chan_mutants::kLookTakesASlotThatIsNotFullForNothing, "ready all the time"}});
  const CheckFn not_closed = [](const Ledger& ledger) {
    Check(ledger.record(0).closed == 0, "closed before it was closed");
  };
  ExpectFound(Scripts(0, {{receive, Close(0)}, {Send(0, 21)}}, not_closed), {},
              {{chan_mutants::kTypedRecvTakesUndecidedForDone, "before it was closed"}});
}

TEST(SelectMutantsTest, TypedSendOrDefault) {
  const Instruction send = Typed(SelectOrDefault({Send(0, 11)}));
  // The first slot may be claimed and not emptied yet.
  ExpectFound(Scripts(Setting{{2}, {Send(0, 1), Send(0, 2)}}, {{Recv(0), send}, {Recv(0)}}, kNever),
              {}, {{chan_mutants::kLookTakesASlotThatIsNotFreeForNoRoom, "ready all the time"}});
  ExpectFound(Scripts(0, {{send, Close(0)}, {Recv(0)}}), {},
              {{chan_mutants::kTypedSendTakesUndecidedForDone, "what was sent"}});
  ExpectFound(Scripts(1, {{send}, {Close(0)}}), {},
              {{chan_mutants::kTypedSendDoesNotPanic, "what was sent"}});
}

TEST(SelectMutantsTest, TypedDefault) {
  ExpectFound(
      Scripts(Setting{{1, 1}, {Send(0, 1)}},
              {{Typed(SelectOrDefault({Recv(1), Recv(0)}))}, {Send(1, 21), TryRecv(0)}}, kNever),
      {},
      {{chan_mutants::kTypedDefaultFromLooks, "ready all the time"},
       {chan_mutants::kDefaultWithoutACommonInstant, "ready all the time"}});
}

}  // namespace
}  // namespace weft::chan_model
