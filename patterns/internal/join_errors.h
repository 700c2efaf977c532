// Several errors as one.
#ifndef WEFT_PATTERNS_INTERNAL_JOIN_ERRORS_H_
#define WEFT_PATTERNS_INTERNAL_JOIN_ERRORS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace weft::patterns_internal {

// OK if all are; the only error if there is one; else the code of the first, and all messages. Go:
// errors.Join.
inline absl::Status JoinErrors(const std::vector<absl::Status>& all) {
  absl::Status joined;
  for (const absl::Status& s : all) {
    if (s.ok()) continue;
    joined = joined.ok() ? s
                         : absl::Status(joined.code(), std::string(joined.message()) + "; " +
                                                           std::string(s.message()));
  }
  return joined;
}

// The same error, with whose it is.
inline absl::Status Named(const std::string& name, const absl::Status& s) {
  if (s.ok() || name.empty()) return s;
  return absl::Status(s.code(), name + ": " + std::string(s.message()));
}

}  // namespace weft::patterns_internal

#endif  // WEFT_PATTERNS_INTERNAL_JOIN_ERRORS_H_
