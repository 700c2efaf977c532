// The protocol of idle_workers.h, on the scheduler's own code: no fiber is left in a queue, and no
// timer unserved, while all workers sleep; and no more workers search than should.
#include "weft/sched/internal/idle_workers.h"

#include "gtest/gtest.h"
#include "weft/sched/internal/idle_word.h"
#include "weft/sched/internal/idle_workers_programs.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal::idle_model {
namespace {

using model::ExpectSound;

TEST(IdleWorkersModelTest, OnlyWorkerRunsWhatAPlainThreadSubmits) {
  ExpectSound(PlainThreadSubmits(/*workers=*/1, /*fibers=*/1));
  ExpectSound(PlainThreadSubmits(/*workers=*/1, /*fibers=*/2), Within(3));
}

TEST(IdleWorkersModelTest, OneOfTwoWorkersRunsWhatAPlainThreadSubmits) {
  ExpectSound(PlainThreadSubmits(/*workers=*/2, /*fibers=*/1), Within(2, 0));
  ExpectSound(PlainThreadSubmits(/*workers=*/2, /*fibers=*/1), Within(1));
}

TEST(IdleWorkersModelTest, OthersRunWhatABusyFiberSubmits) {
  ExpectSound(BusyFiberSubmits(/*workers=*/2, /*fibers=*/1));
  ExpectSound(BusyFiberSubmits(/*workers=*/2, /*fibers=*/2), Within(3));
  ExpectSound(BusyFiberSubmits(/*workers=*/3, /*fibers=*/1), Within(2, 0));
}

TEST(IdleWorkersModelTest, OthersRunWhoYieldedToABusyFiber) {
  ExpectSound(BusyFiberIsYieldedTo(/*workers=*/2), Within(3));
  ExpectSound(BusyFiberIsYieldedTo(/*workers=*/3), Within(1, 0));
}

TEST(IdleWorkersModelTest, WhoFindsWorkWakesAnotherForTheRest) {
  ExpectSound(OneFiberWaitsForTheOther(/*held=*/1), Within(2, 0));
  ExpectSound(OneFiberWaitsForTheOther(/*held=*/2), Within(1));
}

TEST(IdleWorkersModelTest, WakerThatFindsNobodyLooksForThoseWhoReliedOnIt) {
  ExpectSound(WakerFindsNobody(), Within(1, 0));
  // Two preemptions are too many to see them all.
  model::Options sampled;
  sampled.search = model::Options::Search::kPct;
  sampled.executions = 10'000;
  ExpectSound(WakerFindsNobody(), sampled);
}

TEST(IdleWorkersModelTest, TimerOfAPlainThreadIsServed) {
  ExpectSound(PlainThreadArmsATimer(/*workers=*/1));
  ExpectSound(PlainThreadArmsATimer(/*workers=*/2), Within(2, 0));
}

TEST(IdleWorkersModelTest, OneIsWokenAtATime) { ExpectSound(TwoSubmitToSleepers()); }

TEST(IdleWorkersModelTest, HalfOfTheBusySearch) { ExpectSound(AllRunDry()); }

}  // namespace
}  // namespace weft::sched_internal::idle_model
