// The exceptions in flight belong to the fiber, but the C++ run-time library keeps them per thread.
// Every switch exchanges them, so that a fiber may park inside a catch block or a destructor that
// runs during unwinding.
#ifndef WEFT_SCHED_INTERNAL_EH_GLOBALS_H_
#define WEFT_SCHED_INTERNAL_EH_GLOBALS_H_

namespace weft::sched_internal {

// Laid out as the Itanium C++ ABI's __cxa_eh_globals; libstdc++ and libc++abi agree. The padding
// has a name so that it is copied too: one load and one store.
struct EhGlobals {
  void* caught_exceptions = nullptr;
  unsigned int uncaught_exceptions = 0;
  unsigned int padding = 0;
};

// The calling thread's. The address stays the same for the life of the thread.
EhGlobals* ThreadEhGlobals();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_EH_GLOBALS_H_
