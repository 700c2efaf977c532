#ifndef WEFT_TOOLS_BUILD_DEFS_PROBE_H_
#define WEFT_TOOLS_BUILD_DEFS_PROBE_H_

#include "absl/status/statusor.h"

namespace weft::build_defs_internal {

// The square root of a square number; kInvalidArgument for any other.
absl::StatusOr<int> ExactRoot(int n);

}  // namespace weft::build_defs_internal

#endif  // WEFT_TOOLS_BUILD_DEFS_PROBE_H_
