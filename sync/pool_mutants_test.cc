// Bugs planted into Pool, one at a time (pool_mutants.txt): the explorer finds each of them, with a
// program that is right without it.
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/testing/planted_bugs.h"
#include "weft/sync/mutated/mutants.h"
#include "weft/sync/mutated/pool_programs.h"

namespace weft::pool_model {
namespace {

constexpr std::string_view kRace = "data race";
constexpr std::string_view kNotOnce = "not destroyed once";
constexpr std::string_view kEmpty = "got from an empty place";
constexpr std::string_view kLost = "lost";
constexpr std::string_view kAge = "ended too early or too late";

void ExpectFound(const ProgramFn& program,
                 const std::vector<model::PlantedBug<sync_mutants::Mutant>>& bugs) {
  model::ExpectFound(sync_mutants::planted, program, model::Bounds(2, 1), bugs);
}

TEST(PoolMutantsTest, OwnObjects) {
  ExpectFound(ClearTakesWhatAWorkerHas(), {{sync_mutants::kTakesAfterItHasLeft, kRace},
                                           {sync_mutants::kKeepsAfterItHasLeft, kRace},
                                           {sync_mutants::kTrustsTheFirstLook, kEmpty},
                                           {sync_mutants::kStaysInside, "nobody can run"},
                                           {sync_mutants::kClearsWithoutRevoking, kRace},
                                           {sync_mutants::kCountsWhatItHasGiven, kEmpty}});
}

TEST(PoolMutantsTest, Shards) {
  ExpectFound(OthersFindWhatIsShared(), {{sync_mutants::kSearchesWithoutTheShardsLock, kRace},
                                         {sync_mutants::kPutGivesNoHint, kLost}});
  ExpectFound(WhatGrowsOldIsFound(), {{sync_mutants::kPutsWithoutTheShardsLock, kLost}});
  ExpectFound(ClearTakesWhatAWorkerHas(), {{sync_mutants::kClearsWithoutTheShardsLock, kRace}});
}

TEST(PoolMutantsTest, Batches) {
  ExpectFound(WhatAWorkerHasTooManyOfGoesToAShard(),
              {{sync_mutants::kEntersWhoeverIsInside, kRace}});
  ExpectFound(WhatAWorkerLacksComesFromAShard(), {{sync_mutants::kGivesWhatItKeepsToo, kEmpty},
                                                  {sync_mutants::kFillLeavesThemInTheShard, kEmpty},
                                                  {sync_mutants::kFillsOneTooFew, kEmpty}});
  ExpectFound(AnotherFiberPutsMeanwhile(), {{sync_mutants::kFillsWhatIsNotEmpty, kNotOnce}});
  ExpectFound(AnotherFiberTakesMeanwhile(), {{sync_mutants::kMakesRoomWhereThereIsRoom, kEmpty}});
}

TEST(PoolMutantsTest, Generations) {
  ExpectFound(WhatGrowsOldIsFound(), {{sync_mutants::kHintForgetsWhatIsOld, kLost},
                                      {sync_mutants::kEndsAfterOneGeneration, kLost}});
  ExpectFound(WhatAWorkerHasGrowsOld(), {{sync_mutants::kEndsAfterOneGeneration, kAge},
                                         {sync_mutants::kNeverEnds, kAge},
                                         {sync_mutants::kOwnObjectsDoNotGrowOld, kAge},
                                         {sync_mutants::kLooksTooSeldom, kAge}});
  ExpectFound(WorkerRotatesTheShards(), {{sync_mutants::kRotatesWithoutEntering, kRace}});
}

}  // namespace
}  // namespace weft::pool_model
