// Select under the model explorer. Without Bounds() a program is explored exhaustively.
//
// The cases of an explored select are tried in the order in which they stand: that is one of the
// orders that chance may choose, and where it matters the others are programs of their own.
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/model_programs.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::chan_model {
namespace {

using model::Bounds;
using model::ExpectSound;

const Setting kTwoUnbuffered = {{0, 0}};
const Setting kTwoOfOneSlot = {{1, 1}};

TEST(SelectModelTest, TwoSelectsMeet) {
  // Opposite orders: locks are taken in one order all the same.
  ExpectSound(Scripts(kTwoUnbuffered,
                      {{Select({Send(0, 11), Send(1, 12)})}, {Select({Recv(1), Recv(0)})}}));
  // Both have a send and a receive, and either may give.
  ExpectSound(Scripts(kTwoUnbuffered,
                      {{Select({Send(0, 11), Recv(1)})}, {Select({Send(1, 21), Recv(0)})}}));
  ExpectSound(
      Scripts(kTwoOfOneSlot, {{Select({Send(0, 11), Send(1, 12)})}, {Select({Recv(1), Recv(0)})}}),
      Bounds(4, 3));
}

TEST(SelectModelTest, ThreeSelectsMeet) {
  ExpectSound(Scripts(kTwoUnbuffered, {{Select({Send(0, 11), Send(1, 12)})},
                                       {Select({Send(1, 21), Send(0, 22)})},
                                       {Select({Recv(0), Recv(1)}), Select({Recv(1), Recv(0)})}}),
              Bounds(3, 1));
}

TEST(SelectModelTest, BothDirectionsOfOneChannel) {
  for (int capacity : {0, 1}) {
    ExpectSound(
        Scripts(capacity, {{Select({Send(0, 11), Recv(0)})}, {Select({Send(0, 21), Recv(0)})}}),
        Bounds(5, 3));
    ExpectSound(
        Scripts(capacity, {{Select({Recv(0), Send(0, 11)})}, {Select({Send(0, 21), Recv(0)})}}),
        Bounds(5, 3));
  }
}

TEST(SelectModelTest, AgainstSends) {
  const Script both = {Select({Recv(0), Recv(1)}), Select({Recv(1), Recv(0)})};
  ExpectSound(Scripts(kTwoUnbuffered, {both, {Send(0, 21)}, {Send(1, 31)}}), Bounds(4, 1));
  ExpectSound(Scripts(kTwoOfOneSlot, {both, {Send(0, 21)}, {Send(1, 31)}}), Bounds(3, 1));
  ExpectSound(Scripts(Setting{{0, 1}}, {both, {Send(0, 21)}, {Send(1, 31)}}), Bounds(3, 1));
}

TEST(SelectModelTest, AgainstReceives) {
  const Script both = {Select({Send(0, 11), Send(1, 12)}), Select({Send(1, 13), Send(0, 14)})};
  ExpectSound(Scripts(kTwoUnbuffered, {both, {Recv(0)}, {Recv(1)}}), Bounds(4, 1));
  // The buffers are full before; one element stays in each.
  const Setting full = {{1, 1}, {Send(0, 1), Send(1, 2)}};
  ExpectSound(Scripts(full, {both, {Recv(0)}, {Recv(1)}}), Bounds(3, 1));
}

TEST(SelectModelTest, AgainstTryForms) {
  // The one that closes ends the select, if nobody before it has.
  ExpectSound(Scripts(kTwoUnbuffered, {{Select({Recv(0), Recv(1)})},
                                       {TrySend(0, 21), Close(0)},
                                       {TrySend(1, 31), TryRecv(1)}}),
              Bounds(3, 1));
  ExpectSound(Scripts(kTwoOfOneSlot, {{Select({Recv(0), Recv(1)})},
                                      {TrySend(0, 21), Close(0)},
                                      {TrySend(1, 31), TryRecv(1)}}),
              Bounds(2, 1));
  // Try-forms never wait for each other, nor for the halves of a select.
  ExpectSound(Scripts(kTwoUnbuffered, {{SelectOrDefault({Recv(0), Send(1, 11)})},
                                       {SelectOrDefault({Recv(1), Send(0, 21)})},
                                       {TrySend(0, 31), TryRecv(1)}}),
              Bounds(3, 2));
}

TEST(SelectModelTest, AgainstClose) {
  const Instruction receive = Select({Recv(0), Recv(1)});
  ExpectSound(Scripts(kTwoUnbuffered, {{receive}, {Close(0)}, {TrySend(1, 31)}}), Bounds(4, 2));
  ExpectSound(Scripts(kTwoOfOneSlot, {{receive}, {Close(0)}, {TrySend(1, 31)}}), Bounds(3, 2));
  const Instruction send = Select({Send(0, 11), Send(1, 12)});
  ExpectSound(Scripts(kTwoUnbuffered, {{send}, {Close(0)}, {TryRecv(1)}}), Bounds(4, 2));
  const Setting full = {{1, 1}, {Send(0, 1), Send(1, 2)}};
  ExpectSound(Scripts(full, {{send}, {Close(0)}, {TryRecv(1)}}), Bounds(3, 2));
}

// At every instant at least one case is ready, though not always the same: never the default.
void ExpectNoDefault(const Setting& setting, const Script& cases, const Script& mover,
                     const model::Options& bounds) {
  const Script reversed(cases.rbegin(), cases.rend());
  for (const Script& order : {cases, reversed}) {
    const Instruction select = SelectOrDefault(order);
    for (const Instruction& form : {select, Typed(select)}) {
      ExpectSound(Scripts(setting, {{form}, mover},
                          [](const Ledger& ledger) {
                            Check(ledger.defaults(0) == 0, "a case was ready all the time");
                          }),
                  bounds);
    }
  }
}

TEST(SelectModelTest, DefaultNeedsACommonInstant) {
  // An element is in the one or in the other.
  ExpectNoDefault(Setting{{1, 1}, {Send(0, 1)}}, {Recv(0), Recv(1)}, {Send(1, 21), TryRecv(0)}, {});
  ExpectNoDefault(Setting{{2, 2}, {Send(0, 1)}}, {Recv(0), Recv(1)}, {Send(1, 21), TryRecv(0)}, {});
  // There is room in the one or in the other.
  ExpectNoDefault(Setting{{1, 1}, {Send(0, 1)}}, {Send(0, 11), Send(1, 12)},
                  {Recv(0), TrySend(1, 21)}, {});
  // An element here, or room there.
  ExpectNoDefault(Setting{{1, 1}, {Send(0, 1), Send(1, 2)}}, {Recv(0), Send(1, 12)},
                  {Recv(1), TryRecv(0)}, {});
  // An element, or the end.
  ExpectNoDefault(Setting{{1, 1}, {Send(0, 1)}}, {Recv(0), Recv(1)}, {Close(1), TryRecv(0)}, {});
  // One channel, an element or room.
  ExpectNoDefault(Setting{{1}, {Send(0, 1)}}, {Recv(0), Send(0, 11)}, {TryRecv(0), TrySend(0, 21)},
                  {});
}

// There and back: what was true of one channel before is true again.
TEST(SelectModelTest, DefaultSeesThereAndBack) {
  ExpectNoDefault(Setting{{1, 1}, {Send(0, 1)}}, {Recv(0), Recv(1)},
                  {Send(1, 21), TryRecv(0), TrySend(0, 22), TryRecv(1)}, Bounds(3, 2));
}

// By weft::Select() with its cases as arguments, which looks at all of them before it tries one.
TEST(SelectModelTest, TypedSelectsMeet) {
  const Instruction send = Typed(Select({Send(0, 11), Send(1, 12)}));
  const Instruction receive = Typed(Select({Recv(1), Recv(0)}));
  ExpectSound(Scripts(kTwoUnbuffered, {{send}, {receive}}));
  ExpectSound(Scripts(kTwoUnbuffered, {{Typed(Select({Send(0, 11), Recv(1)}))},
                                       {Typed(Select({Send(1, 21), Recv(0)}))}}));
  ExpectSound(Scripts(kTwoOfOneSlot, {{send}, {receive}}), Bounds(4, 3));
  for (int capacity : {0, 1}) {
    ExpectSound(Scripts(capacity, {{Typed(Select({Send(0, 11), Recv(0)}))},
                                   {Typed(Select({Send(0, 21), Recv(0)}))}}),
                Bounds(4, 2));
  }
}

TEST(SelectModelTest, TypedAgainstTheRest) {
  const Instruction receive = Typed(Select({Recv(0), Recv(1)}));
  for (const Setting& setting : {kTwoUnbuffered, kTwoOfOneSlot}) {
    ExpectSound(Scripts(setting, {{receive, receive}, {Send(0, 21)}, {Send(1, 31)}}), Bounds(3, 1));
    ExpectSound(Scripts(setting, {{receive}, {Close(0)}, {TrySend(1, 31)}}), Bounds(3, 1));
  }
  const Instruction send = Typed(Select({Send(0, 11), Send(1, 12)}));
  const Setting full = {{1, 1}, {Send(0, 1), Send(1, 2)}};
  ExpectSound(Scripts(full, {{send, send}, {Recv(0)}, {Recv(1)}}), Bounds(3, 1));
  ExpectSound(Scripts(full, {{send}, {Close(0)}, {TryRecv(1)}}), Bounds(3, 1));
}

// One channel and a default: the default only if there was an instant at which the case was not
// ready.
TEST(SelectModelTest, TypedWithOneChannel) {
  const Instruction receive = Typed(SelectOrDefault({Recv(0)}));
  const Instruction send = Typed(SelectOrDefault({Send(0, 11)}));
  for (int capacity : {0, 1, 2}) {
    // Whoever waits in vain is released by the end.
    ExpectSound(Scripts(capacity, {{receive, Close(0)}, {Send(0, 21)}}));
    ExpectSound(Scripts(capacity, {{send, Close(0)}, {Recv(0)}}));
    ExpectSound(Scripts(capacity, {{send, receive}, {TryRecv(0), Close(0)}}), Bounds(4, 2));
    ExpectSound(Scripts(capacity, {{send}, {TryRecv(0)}, {TrySend(0, 31)}}), Bounds(2, 1));
  }
  const CheckFn never = [](const Ledger& ledger) {
    Check(ledger.defaults(0) == 0, "the case was ready all the time");
  };
  // The own element is there, though the slot before it may be claimed and not filled yet; the own
  // room, though the slot before it may be claimed and not emptied yet.
  ExpectSound(Scripts(2, {{Send(0, 11), receive}, {Send(0, 21)}}, never));
  ExpectSound(Scripts(Setting{{2}, {Send(0, 1), Send(0, 2)}}, {{Recv(0), send}, {Recv(0)}}, never));
  // An end that has come does not go away.
  for (int capacity : {0, 1})
    ExpectSound(Scripts(capacity, {{Close(0), receive}, {TryRecv(0)}}, never));
}

// Once nobody waits, operations on the channels of the cases that did not run are lock-free again.
TEST(SelectModelTest, ThawsWhenItLeaves) {
  for (const Instruction& peer : {Send(0, 21), Close(0)}) {
    ExpectSound(Scripts(kTwoOfOneSlot, {{Select({Recv(0), Recv(1)})}, {peer}},
                        [](const Ledger& ledger) { Check(!ledger.frozen(1), "still frozen"); }),
                Bounds(4, 2));
  }
}

}  // namespace
}  // namespace weft::chan_model
