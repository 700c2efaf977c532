// The same programs twice, with and without -fsplit-stack: stack_cost.cc compares them.
#ifndef WEFT_SCHED_TESTING_STACK_COST_WORKLOADS_H_
#define WEFT_SCHED_TESTING_STACK_COST_WORKLOADS_H_

#include <cstdint>

namespace weft::stack_cost {

struct Workload {
  const char* name;
  bool calls_much;  // or else computes in loops
  uint64_t (*run)();
};

inline constexpr int kWorkloads = 10;

namespace with_checks {
extern const Workload kAll[kWorkloads];
}
namespace without_checks {
extern const Workload kAll[kWorkloads];
}

}  // namespace weft::stack_cost

#endif  // WEFT_SCHED_TESTING_STACK_COST_WORKLOADS_H_
