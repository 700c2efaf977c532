// What weft_switch_context() and weft_fiber_start() must do, on the aarch64 of their file: see
// check.sh. Prints what is wrong; status 0 if nothing is.
#include <unwind.h>

#include <cstdint>
#include <cstdio>
#include <stdexcept>

#include "weft/sched/internal/context_switch.h"

namespace {

using weft::sched_internal::PrepareStack;
using weft::sched_internal::SavedContext;
using weft::sched_internal::weft_switch_context;

constexpr int kStackBytes = 256 * 1024;
constexpr int kTurns = 1'000;

alignas(16) char stacks[2][kStackBytes];
int failures = 0;

void Check(bool good, const char* what) {
  if (good) return;
  ++failures;
  std::printf("wrong: %s\n", what);
}

// Switches with a pattern in each register that the callee saves. Returns the bits in which it
// differed when somebody had switched back.
uint64_t SwitchWithPattern(void** save_sp, void* load_sp, uint64_t seed) {
  register uint64_t x0 asm("x0") = reinterpret_cast<uint64_t>(save_sp);
  register uint64_t x1 asm("x1") = reinterpret_cast<uint64_t>(load_sp);
  register uint64_t x2 asm("x2") = seed;
  asm volatile(
      "stp x2, x29, [sp, #-16]!\n\t"
      "add x19, x2, #19\n\t"
      "add x20, x2, #20\n\t"
      "add x21, x2, #21\n\t"
      "add x22, x2, #22\n\t"
      "add x23, x2, #23\n\t"
      "add x24, x2, #24\n\t"
      "add x25, x2, #25\n\t"
      "add x26, x2, #26\n\t"
      "add x27, x2, #27\n\t"
      "add x28, x2, #28\n\t"
      "fmov d8, x19\n\t"
      "fmov d9, x20\n\t"
      "fmov d10, x21\n\t"
      "fmov d11, x22\n\t"
      "fmov d12, x23\n\t"
      "fmov d13, x24\n\t"
      "fmov d14, x25\n\t"
      "fmov d15, x26\n\t"
      "bl weft_switch_context\n\t"
      "ldp x2, x9, [sp], #16\n\t"
      "eor x0, x9, x29\n\t"
      ".irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28\n\t"
      "add x9, x2, #\\n\n\t"
      "eor x9, x9, x\\n\n\t"
      "orr x0, x0, x9\n\t"
      ".endr\n\t"
      ".irp n, 8, 9, 10, 11, 12, 13, 14, 15\n\t"
      "fmov x10, d\\n\n\t"
      "add x9, x2, #(\\n + 11)\n\t"
      "eor x9, x9, x10\n\t"
      "orr x0, x0, x9\n\t"
      ".endr\n\t"
      : "+r"(x0), "+r"(x1), "+r"(x2)
      :
      : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
        "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30",
        "d8", "d9", "d10", "d11", "d12", "d13", "d14", "d15", "memory", "cc");
  return x0;
}

struct Fiber {
  int number;
  void* sp = nullptr;
  bool done = false;
};

void* main_sp = nullptr;
uintptr_t main_frame = 0;

_Unwind_Reason_Code CountFrame(_Unwind_Context*, void* count) {
  ++*static_cast<int*>(count);
  return _URC_NO_REASON;
}

int ThrowAndCatch(int number) {
  try {
    throw std::runtime_error("thrown on a fiber");
  } catch (const std::runtime_error&) {
    return number;
  }
}

void CheckFirstEntry(const Fiber& fiber) {
  Check(fiber.number == 0 || fiber.number == 1, "the argument");
  Check(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) % 16 == 0, "the alignment");
  int frames = 0;
  Check(_Unwind_Backtrace(&CountFrame, &frames) == _URC_END_OF_STACK, "the end of a backtrace");
  Check(frames >= 2 && frames <= 6, "the length of a backtrace");
  Check(ThrowAndCatch(fiber.number) == fiber.number, "exceptions");
  const auto* saved = static_cast<const SavedContext*>(main_sp);
  if (fiber.number == 0) Check(saved->frame_pointer() == main_frame, "the saved frame pointer");
}

// The first switch, without a pattern: the frame pointer is the caller's.
[[gnu::noinline]] void Enter(Fiber* fiber) {
  main_frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  weft_switch_context(&main_sp, fiber->sp);
  asm volatile("");  // else it would be a jump, from the caller's frame
}

}  // namespace

extern "C" void weft_fiber_main(void* argument) {
  auto* fiber = static_cast<Fiber*>(argument);
  CheckFirstEntry(*fiber);
  for (int turn = 0; turn < kTurns; ++turn) {
    const uint64_t seed = static_cast<uint64_t>(fiber->number + 1) << 40 | turn;
    Check(SwitchWithPattern(&fiber->sp, main_sp, seed) == 0, "a fiber's registers");
  }
  fiber->done = true;
  weft_switch_context(&fiber->sp, main_sp);
  __builtin_trap();
}

int main() {
  Fiber fibers[2] = {{0}, {1}};
  for (Fiber& fiber : fibers) {
    fiber.sp = PrepareStack(stacks[fiber.number] + kStackBytes, &fiber);
    Enter(&fiber);
  }
  uint64_t seed = uint64_t{1} << 60;
  while (!fibers[0].done || !fibers[1].done) {
    for (Fiber& fiber : fibers) {
      if (fiber.done) continue;
      Check(SwitchWithPattern(&main_sp, fiber.sp, ++seed) == 0, "the thread's registers");
    }
  }
  std::printf("%s\n", failures == 0 ? "the switch is right" : "the switch is wrong");
  return failures == 0 ? 0 : 1;
}
