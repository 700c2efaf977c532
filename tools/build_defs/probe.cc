#include "weft/tools/build_defs/probe.h"

#include "absl/status/status.h"

namespace weft::build_defs_internal {

absl::StatusOr<int> ExactRoot(int n) {
  for (int root = 0; root <= n / 2 + 1; ++root) {
    if (root * root == n) return root;
  }
  return absl::InvalidArgumentError("not a square");
}

}  // namespace weft::build_defs_internal
