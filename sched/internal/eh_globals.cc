#include "weft/sched/internal/eh_globals.h"

#include <cxxabi.h>

namespace weft::sched_internal {

EhGlobals* ThreadEhGlobals() { return reinterpret_cast<EhGlobals*>(abi::__cxa_get_globals()); }

}  // namespace weft::sched_internal
