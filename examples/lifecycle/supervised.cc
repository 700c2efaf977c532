// A worker that crashes is started again, by a supervisor that gives up when that does not help.
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/supervisor.h"
#include "weft/sched/main.h"
#include "weft/sched/panic.h"

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    int starts = 0;
    weft::Supervisor s({.max_restarts = 5, .within = absl::InfiniteDuration()});
    s.Add({.name = "worker",
           .run =
               [&](const weft::Context&) {
                 std::printf("worker: start %d\n", ++starts);
                 if (starts == 1) weft::Panic("a bug");
                 if (starts == 2) return absl::UnavailableError("no network");
                 return absl::OkStatus();
               },
           .restart = weft::Restart::kTransient});
    std::printf("%s\n", s.Run(weft::Background()).ToString().c_str());

    weft::Supervisor hopeless({.max_restarts = 2, .within = absl::InfiniteDuration()});
    hopeless.Add({.name = "worker", .run = [](const weft::Context&) {
                    return absl::UnavailableError("no network");
                  }});
    std::printf("%s\n", hopeless.Run(weft::Background()).ToString().c_str());
  });
}

// Output:
// worker: start 1
// worker: start 2
// worker: start 3
// OK
// RESOURCE_EXHAUSTED: too many restarts; the last after worker: no network
