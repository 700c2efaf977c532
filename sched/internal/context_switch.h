// The switch between two stacks, and the first frame of a new one.
//
// Saved: the callee-saved general registers and the stack pointer. Not saved: the x87 control word
// and MXCSR; code that changes rounding or exception masks must restore them before it can park.
#ifndef WEFT_SCHED_INTERNAL_CONTEXT_SWITCH_H_
#define WEFT_SCHED_INTERNAL_CONTEXT_SWITCH_H_

#include <cstddef>
#include <cstdint>

namespace weft::sched_internal {

extern "C" {

// Saves the caller's context on its stack and its stack pointer in *save_sp, then continues the
// context at load_sp. Returns when somebody continues the caller.
void weft_switch_context(void** save_sp, void* load_sp);

// Entered by the first switch to a new stack; calls weft_fiber_main(argument). Undefined return
// address: where unwinders and backtraces stop.
void weft_fiber_start();

// The body of every fiber; never returns.
[[noreturn]] void weft_fiber_main(void* argument);

}  // extern "C"

#if defined(__x86_64__)

// What weft_switch_context leaves at the saved stack pointer.
struct SavedContext {
  uint64_t r15, r14, r13, r12, rbx, rbp;
  uint64_t rip;

  uint64_t pc() const { return rip; }
  uint64_t frame_pointer() const { return rbp; }
};

// Prepares a stack that ends at `top` so that the first switch to the returned stack pointer calls
// weft_fiber_main(argument).
inline void* PrepareStack(void* top, void* argument) {
  uintptr_t aligned = reinterpret_cast<uintptr_t>(top) & ~uintptr_t{15};
  auto* context = reinterpret_cast<SavedContext*>(aligned - sizeof(SavedContext));
  *context = SavedContext{};
  context->r12 = reinterpret_cast<uint64_t>(argument);
  context->rip = reinterpret_cast<uint64_t>(&weft_fiber_start);
  return context;
}

#elif defined(__aarch64__)

struct SavedContext {
  uint64_t d8_to_d15[8];
  uint64_t x19_to_x28[10];
  uint64_t x29;
  uint64_t x30;

  uint64_t pc() const { return x30; }
  uint64_t frame_pointer() const { return x29; }
};

inline void* PrepareStack(void* top, void* argument) {
  uintptr_t aligned = reinterpret_cast<uintptr_t>(top) & ~uintptr_t{15};
  auto* context = reinterpret_cast<SavedContext*>(aligned - sizeof(SavedContext));
  *context = SavedContext{};
  context->x19_to_x28[0] = reinterpret_cast<uint64_t>(argument);
  context->x30 = reinterpret_cast<uint64_t>(&weft_fiber_start);
  return context;
}

#else
#error "weft runs on x86-64 and aarch64"
#endif

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_CONTEXT_SWITCH_H_
