// What tests of planted bugs expect.
#ifndef WEFT_CHAN_MUTANTS_EXPECT_FOUND_H_
#define WEFT_CHAN_MUTANTS_EXPECT_FOUND_H_

#include <string_view>
#include <vector>

#include "weft/chan/mutants/mutated/model_programs.h"
#include "weft/chan/mutants/mutated/mutants.h"
#include "weft/sched/testing/planted_bugs.h"

namespace weft::chan_model {

inline constexpr std::string_view kStuck = "nobody can run";
inline constexpr std::string_view kRace = "data race";

using Bug = model::PlantedBug<chan_mutants::Mutant>;

inline void ExpectFound(const ProgramFn& program, const model::Options& bounds,
                        const std::vector<Bug>& bugs) {
  model::ExpectFound(chan_mutants::planted, program, bounds, bugs);
}

}  // namespace weft::chan_model

#endif  // WEFT_CHAN_MUTANTS_EXPECT_FOUND_H_
