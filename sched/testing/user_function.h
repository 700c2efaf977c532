// Which functions on a stack are the user's, as far as a name tells.
#ifndef WEFT_SCHED_TESTING_USER_FUNCTION_H_
#define WEFT_SCHED_TESTING_USER_FUNCTION_H_

#include <string_view>

namespace weft::testing {

// Neither weft's nor the library's. Tests of weft are users, although in its namespace.
bool IsUsersFunction(std::string_view demangled);

}  // namespace weft::testing

#endif  // WEFT_SCHED_TESTING_USER_FUNCTION_H_
