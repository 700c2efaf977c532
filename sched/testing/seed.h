// The seed of random tests: WEFT_SEED, else a new one, printed so that a failure can be replayed.
#ifndef WEFT_SCHED_TESTING_SEED_H_
#define WEFT_SCHED_TESTING_SEED_H_

#include <cstdint>

namespace weft::testing {

uint64_t Seed();

}  // namespace weft::testing

#endif  // WEFT_SCHED_TESTING_SEED_H_
