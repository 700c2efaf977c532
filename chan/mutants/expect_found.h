// What tests of planted bugs expect.
#ifndef WEFT_CHAN_MUTANTS_EXPECT_FOUND_H_
#define WEFT_CHAN_MUTANTS_EXPECT_FOUND_H_

#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "weft/chan/mutants/mutated/model_programs.h"
#include "weft/chan/mutants/mutated/mutants.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::chan_model {

inline constexpr std::string_view kStuck = "nobody can run";
inline constexpr std::string_view kRace = "data race";

struct Bug {
  chan_mutants::Mutant mutant;
  std::string_view words;
};

// The program is right, and each bug breaks it.
inline void ExpectFound(const ProgramFn& program, const model::Options& bounds,
                        const std::vector<Bug>& bugs) {
  chan_mutants::planted = chan_mutants::kNone;
  model::ExpectSound(program, bounds);
  for (const Bug& bug : bugs) {
    SCOPED_TRACE(bug.mutant);
    chan_mutants::planted = bug.mutant;
    model::ExpectBroken(program, bug.words, bounds);
  }
  chan_mutants::planted = chan_mutants::kNone;
}

}  // namespace weft::chan_model

#endif  // WEFT_CHAN_MUTANTS_EXPECT_FOUND_H_
