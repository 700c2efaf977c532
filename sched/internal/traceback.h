// Stacks as addresses and as text: for panics, fatal errors and dumps.
#ifndef WEFT_SCHED_INTERNAL_TRACEBACK_H_
#define WEFT_SCHED_INTERNAL_TRACEBACK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::sched_internal {

struct Fiber;
class SourceLines;

// The return addresses of the caller's frames, innermost first; returns how many. By the unwinder,
// so that it passes through code without frame pointers; some microseconds.
int CaptureStack(void** pcs, int max_frames);

// Who has the `pointer` that was found at `slot`, on the caller's stack: the outermost frame that
// has it in a register, which was saved there, or else the one that the slot is part of. Its return
// address; null: none.
void* FindHolder(uintptr_t pointer, uintptr_t slot);

// The same as CaptureStack() of a fiber that is parked. If it is resumed meanwhile the answer is wrong, not harmful.
int CaptureParked(const Fiber& fiber, void** pcs, int max_frames);

// The function that a return address belongs to; false if nobody knows. Async-signal-safe.
bool FunctionOf(void* return_address, char* name, size_t bytes);

// "\tFILE:LINE +0xOFFSET\n" of lines[i], where the offset is that of the address in its function,
// and only the last line has one; "\t0xADDRESS\n" if there is no such line. Async-signal-safe.
void FormatPlace(const SourceLines& lines, int i, void* return_address, char* text, size_t bytes);

// Whether that is the name of Go() or of what it calls to start a fiber.
bool IsGoTemplate(std::string_view name);

// Whether the line is in Go() or Main() itself. What called them started the fiber.
bool IsInGo(const SourceLines& lines, int i);

// Appends two lines per frame: the function, and its place. Calls that the compiler has inlined are
// frames of their own, "Function(...)" without an offset, except for the C++ library's own.
void AppendFrames(std::string* out, void* const* pcs, int count);

// "fiber 7 [chan receive, 3 minutes, name reader]:\n", the frames, "created by …", an empty line.
void AppendFiber(std::string* out, const Fiber& fiber);

// All fibers that are alive, the calling one first, in the order of their ids. Writes to stderr as
// it goes.
void DumpAllFibers();

// To stderr, an empty line and then, as far as WEFT_TRACEBACK wants stacks: the calling fiber, or
// all if there is none, or if `all`.
void WriteTraceback(bool all);

// Writes to stderr with no buffering.
void WriteError(const std::string& text);

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_TRACEBACK_H_
