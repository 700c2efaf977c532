#include "weft/sched/testing/user_function.h"

namespace weft::testing {
namespace {

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

bool IsUsersFunction(std::string_view name) {
  if (StartsWith(name, "std::") || StartsWith(name, "__") || StartsWith(name, "weft_") ||
      StartsWith(name, "_Unwind") || StartsWith(name, "testing::") ||
      Contains(name, "_internal::")) {
    return false;
  }
  if (!StartsWith(name, "weft::") && !Contains(name, " weft::")) return true;
  return Contains(name, "(anonymous namespace)") || Contains(name, "_Test::");
}

}  // namespace weft::testing
