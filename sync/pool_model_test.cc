// Pool under the model explorer.
#include "gtest/gtest.h"
#include "weft/sync/pool_programs.h"

namespace weft::pool_model {
namespace {

using model::Bounds;
using model::ExpectSound;
using model::Preemptions;

TEST(PoolModelTest, ObjectsHaveOneUser) { ExpectSound(ObjectsHaveOneUser(), Preemptions(3)); }

TEST(PoolModelTest, ClearTakesWhatAWorkerHas) {
  ExpectSound(ClearTakesWhatAWorkerHas(), Preemptions(2));
}

TEST(PoolModelTest, ObjectsMoveBetweenAWorkerAndAShard) {
  ExpectSound(WhatAWorkerHasTooManyOfGoesToAShard(), Preemptions(2));
  ExpectSound(WhatAWorkerLacksComesFromAShard(), Bounds(2, 1));
}

TEST(PoolModelTest, OthersFindWhatIsShared) {
  ExpectSound(OthersFindWhatIsShared(), Preemptions(4));
}

TEST(PoolModelTest, WhatGrowsOld) {
  ExpectSound(WhatGrowsOldIsFound(), Preemptions(3));
  ExpectSound(WorkerRotatesTheShards(), Bounds(2, 1));
  ExpectSound(WhatAWorkerHasGrowsOld());
}

TEST(PoolModelTest, FibersOfOneWorker) {
  ExpectSound(AnotherFiberPutsMeanwhile(), Bounds(2, 1));
  ExpectSound(AnotherFiberTakesMeanwhile(), Bounds(2, 1));
}

}  // namespace
}  // namespace weft::pool_model
