// What tests of planted bugs (//tools/mutants) expect: that the explorer finds each of them.
#ifndef WEFT_SCHED_TESTING_PLANTED_BUGS_H_
#define WEFT_SCHED_TESTING_PLANTED_BUGS_H_

#include <string_view>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal::model {

template <typename Mutant>
struct PlantedBug {
  Mutant mutant;
  std::string_view words;  // of the failure that it leads to
};

// The program is right, and each bug breaks it. `planted` says which one the code has; its first
// value, none.
template <typename Mutant>
void ExpectFound(Mutant& planted, const ProgramFn& program, const Options& bounds,
                 const std::vector<PlantedBug<std::type_identity_t<Mutant>>>& bugs) {
  planted = Mutant{};
  ExpectSound(program, bounds);
  for (const auto& bug : bugs) {
    SCOPED_TRACE(bug.mutant);
    planted = bug.mutant;
    ExpectBroken(program, bug.words, bounds);
  }
  planted = Mutant{};
}

}  // namespace weft::sched_internal::model

#endif  // WEFT_SCHED_TESTING_PLANTED_BUGS_H_
