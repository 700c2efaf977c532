// File and line of code, as far as the program has debug information (-g, -g1): by libbacktrace,
// which comes with gcc. Where it is missing, and for code that it knows nothing of, there are none.
//
// Async-signal-safe: takes no lock and no memory but by mmap(), and needs 4 KiB of the caller's
// stack; the reader has one of its own. The first call reads what all further ones need, some tens
// of milliseconds for a large program; a program that never calls pays nothing.
//
// Shared libraries that are loaded after the first call are not known.
#ifndef WEFT_SCHED_INTERNAL_SOURCE_LINE_H_
#define WEFT_SCHED_INTERNAL_SOURCE_LINE_H_

#include <cstdint>

namespace weft::sched_internal {

struct SourceLine {
  const char* function;  // mangled as a rule; "" if the debug information does not say
  // Where the compiler found it; of a build by Bazel, relative to the workspace, or as it was
  // included.
  const char* file;
  int line;
};

// The place in the source that the call before a return address stands at. If the compiler has
// inlined calls there, these are several, the innermost first, and the last is in the function
// whose address it is.
class SourceLines {
 public:
  explicit SourceLines(void* return_address);
  ~SourceLines();
  SourceLines(const SourceLines&) = delete;
  SourceLines& operator=(const SourceLines&) = delete;

  int size() const;  // 0: not known
  const SourceLine& operator[](int i) const;

  // Where the function whose address it is begins; 0 if that is not known.
  uintptr_t function_start() const;

 private:
  struct Reading* reading_;
};

// For the thread that calls this, which is about to end the process: from now on, debug information
// that cannot be read (a library's file was overwritten) ends the reading and not the report. Takes
// SIGSEGV and SIGBUS for good; other threads that they strike wait for the end.
void SurviveFaultsOfReader();

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_SOURCE_LINE_H_
