// What the programs of this folder have in common: run as usual a thousand times, or simulated.
#ifndef WEFT_EXAMPLES_SIM_EXAMPLE_H_
#define WEFT_EXAMPLES_SIM_EXAMPLE_H_

#include <cstdio>
#include <cstring>

#include "weft/sched/go.h"
#include "weft/sched/main.h"
#include "weft/sched/testing/sim.h"

// A function that the steps of a schedule are told with, also in an optimized build.
#define SHOWN __attribute__((noinline))

// What a program does besides its bug, while others come to do theirs. Simulated, it takes no time,
// and is nothing that the order of fibers could rely on.
inline void Work() {
  if (weft::sim::Active()) return;
  for (int i = 0; i < 3; ++i) weft::Gosched();
}

// `run` runs the program once and returns whether it came out right. The exit status is 1 if a run
// went wrong.
template <typename Run>
int RunExample(int argc, char** argv, Run run) {
  if (argc > 1 && std::strcmp(argv[1], "--sim") == 0) {
    const weft::sim::Options options = weft::sim::FromEnvironment({.runs = 100'000});
    const weft::sim::Result result =
        weft::sim::Run(options, [&run] { weft::sim::Check(run(), "the outcome is wrong"); });
    std::printf("%s%s\n", result.report.c_str(), result.Summary().c_str());
    return result.passed ? 0 : 1;
  }
  return weft::Main(argc, argv, [&run] {
    // Where such bugs hide best. With more processors, and a machine that has other things to do,
    // one in some thousands of runs may show them.
    weft::GOMAXPROCS(1);
    constexpr int kRuns = 1000;
    int wrong = 0;
    for (int i = 0; i < kRuns; ++i) wrong += run() ? 0 : 1;
    std::printf("%d of %d ordinary runs passed\n", kRuns - wrong, kRuns);
    return wrong == 0 ? 0 : 1;
  });
}

#endif  // WEFT_EXAMPLES_SIM_EXAMPLE_H_
