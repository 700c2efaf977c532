#include "weft/sched/testing/seed.h"

#include <cstdio>
#include <cstdlib>
#include <random>

namespace weft::testing {

uint64_t Seed() {
  static const uint64_t seed = [] {
    const char* text = std::getenv("WEFT_SEED");
    const uint64_t chosen = text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10)
                                                             : std::random_device{}();
    std::printf("WEFT_SEED=%llu\n", static_cast<unsigned long long>(chosen));
    return chosen;
  }();
  return seed;
}

}  // namespace weft::testing
