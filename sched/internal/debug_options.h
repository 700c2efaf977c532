// What WEFT_DEBUG asks for: `name=value` pairs with commas between them, names and meanings as in
// GODEBUG. Unknown names are ignored; of a name that comes twice the last counts.
#ifndef WEFT_SCHED_INTERNAL_DEBUG_OPTIONS_H_
#define WEFT_SCHED_INTERNAL_DEBUG_OPTIONS_H_

#include <string_view>

namespace weft::sched_internal {

struct DebugOptions {
  int containermaxprocs = 1;  // 0: the default GOMAXPROCS disregards control groups
  int updatemaxprocs = 1;     // 0: it does not follow later changes
};

DebugOptions ParseDebugOptions(std::string_view text);

// Those of this process, read when first asked.
const DebugOptions& Debug();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_DEBUG_OPTIONS_H_
