// Names of functions as debug information has them, in the short form of absl::Symbolize(), which
// knows names of addresses only, and therefore not those of functions that were inlined.
#ifndef WEFT_SCHED_INTERNAL_FUNCTION_NAME_H_
#define WEFT_SCHED_INTERNAL_FUNCTION_NAME_H_

#include <string>
#include <string_view>

namespace weft::sched_internal {

// "ns::Class<>::Method" of ns::Class<int>::Method(int) const: without what is in angle brackets,
// and without parameters. Functions of internal linkage have no mangled name, and no scope.
// "?" if it is empty. Allocates.
std::string ShortFunctionName(const char* mangled_or_not);

// The same of a name that is not mangled.
std::string ShortenFunctionName(std::string_view name);

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_FUNCTION_NAME_H_
