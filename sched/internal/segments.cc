// The parts of morestack_x86_64.S that are not hot, in C++. Compiled without -fsplit-stack.
#include "weft/sched/internal/segments.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/stack_arena.h"
#include "weft/sched/internal/stack_overflow.h"
#include "weft/sched/internal/worker.h"
#include "weft/sched/panic.h"

namespace weft::sched_internal {

// Memory that alloca() got elsewhere, for a frame at `frame` or a little below.
struct alignas(16) StackBlock {
  StackBlock* next;
  uintptr_t frame;
};

namespace {

constexpr size_t kDefaultMaxStack = size_t{1} << 30;
// What __morestack and its alignment of arguments need besides frame and arguments.
constexpr size_t kSlack = 512;
constexpr size_t kSignalStackBytes = 64 << 10;
constexpr size_t kKernelSignalSetBytes = 8;

constinit Atom<size_t> max_stack{kDefaultMaxStack};
constinit Atom<uint64_t> prologue_yields{0};

// A segment that was added lies below the control block of its slot, which stays dead.
Fiber* SlotOf(StackSegment* segment) { return reinterpret_cast<Fiber*>(segment + 1); }
static_assert(sizeof(StackSegment) % 16 == 0);

size_t Bytes(const StackSegment* segment) {
  return static_cast<size_t>(reinterpret_cast<const char*>(segment) - segment->low);
}

// Blocks whose frame is above `frame` on the stack stay.
void FreeBlocks(StackBlock** list, uintptr_t frame) {
  while (*list != nullptr && (*list)->frame < frame) {
    StackBlock* block = *list;
    *list = block->next;
    std::free(block);
  }
}

void GiveSegments(StackSegment* first) {
  while (first != nullptr) {
    StackSegment* next = first->next;
    FreeBlocks(&first->blocks, UINTPTR_MAX);
    Fiber* slot = SlotOf(first);
    StackArena::Instance().Give(slot->size_class, &slot, 1);
    first = next;
  }
}

uint64_t BlockedSignals() {
  uint64_t mask = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &mask, kKernelSignalSetBytes);
  return mask;
}

#if defined(__x86_64__)

// Not inlined: on another thread errno is elsewhere, and compilers do not know.
__attribute__((noinline)) int GetErrno() { return errno; }
__attribute__((noinline)) void SetErrno(int value) { errno = value; }

StackSegment* SegmentOf(Fiber* slot) {
  return reinterpret_cast<StackSegment*>(reinterpret_cast<char*>(slot) - sizeof(StackSegment));
}

// The guard word was poisoned, and has been restored. A handler of a signal that came on this very
// stack runs with signals blocked that are not blocked outside; it must end on its thread.
void YieldIfAllowed(const ThreadLocals* locals) {
  if (locals->no_preempt != 0 || !PreemptRequested()) return;
  // Relaxed: owner-only. An inline function of the scheduler's may have been merged with users'.
  if (!locals->worker->in_user_code.load(std::memory_order_relaxed)) return;
  if (BlockedSignals() != locals->signal_mask) return;
  prologue_yields.fetch_add(1, std::memory_order_relaxed);  // a statistic
  PreemptSlow(Op::kOther, nullptr);
}

// Links a segment behind the one in use that has room for `need` bytes. False: not now.
bool Grow(const ThreadLocals* locals, FiberStack* stack, size_t need) {
  StackSegment* segment = stack->segment;
  // Room for the reserve, as the assembly computes it.
  need += StackSegment::kGuardDistance + kSlack + sizeof(StackSegment);
  if (segment->next != nullptr && Bytes(segment->next) >= need) return true;
  // Whoever holds a SpinLock may hold the arena's: a signal handler came in between.
  if (locals->no_preempt >= kNoPreemptSpinLock) return false;
  GiveSegments(segment->next);
  segment->next = nullptr;
  const size_t used = SegmentedBytes(*stack);
  const size_t limit = MaxStack();
  int size_class = StackArena::SizeClass(std::max(need + 2048, 2 * Bytes(segment)));
  while (used + StackArena::StackBytes(size_class) > limit) {
    if (size_class == 0 || StackArena::StackBytes(size_class - 1) < need + 2048) {
      ReportStackOverflow(limit);
    }
    --size_class;
  }
  Fiber* slot = nullptr;
  StackArena::Instance().Take(size_class, &slot, 1);
  auto* added = ::new (SegmentOf(slot)) StackSegment;
  added->prev = segment;
  added->low = slot->stack_low();
  if (Bytes(added) < need) ReportStackOverflow(limit);  // a frame larger than the largest class
  segment->next = added;
  return true;
}

#endif  // x86-64

}  // namespace

void ReleaseSegments(FiberStack* stack) {
  GiveSegments(stack->first.next);
  stack->first.next = nullptr;
  FreeBlocks(&stack->first.blocks, UINTPTR_MAX);
}

size_t SegmentedBytes(const FiberStack& stack) {
  size_t bytes = 0;
  for (const StackSegment* s = stack.segment; s != nullptr; s = s->prev) bytes += Bytes(s);
  return bytes;
}

// Relaxed, both: a setting.
size_t ExchangeMaxStack(size_t bytes) {
  return max_stack.exchange(bytes, std::memory_order_relaxed);
}
size_t MaxStack() { return max_stack.load(std::memory_order_relaxed); }

uint64_t PrologueYields() { return prologue_yields.load(std::memory_order_relaxed); }  // statistic

bool FindBounds(const FiberStack& stack, uintptr_t address, StackBounds* bounds) {
  for (const StackSegment* s = stack.segment; s != nullptr; s = s->prev) {
    *bounds = {reinterpret_cast<uintptr_t>(s->low), reinterpret_cast<uintptr_t>(s)};
    if (address >= bounds->low && address < bounds->high) return true;
  }
  return false;
}

void PrepareWorkerStack(ThreadLocals* locals) {
  race::ShareThreadLocals();
#if defined(__x86_64__)
  uintptr_t thread_control_block;
  asm("movq %%fs:0, %0" : "=r"(thread_control_block));
  locals->guard_word =
      reinterpret_cast<Atom<uintptr_t>*>(thread_control_block + kGuardWordOffset);
#endif
  locals->signal_mask = BlockedSignals();
  stack_t former;
  if (sigaltstack(nullptr, &former) != 0 || (former.ss_flags & SS_DISABLE) == 0) return;  // has one
  void* base = mmap(nullptr, kSignalStackBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return;
  mprotect(base, StackArena::kPageBytes, PROT_NONE);
  stack_t alternate = {};
  alternate.ss_sp = static_cast<char*>(base) + StackArena::kPageBytes;
  alternate.ss_size = kSignalStackBytes - StackArena::kPageBytes;
  sigaltstack(&alternate, nullptr);
  locals->signal_stack = base;
}

void ReleaseWorkerStack(ThreadLocals* locals) {
  FreeBlocks(&locals->blocks, UINTPTR_MAX);
  if (locals->signal_stack == nullptr) return;
  stack_t none = {};
  none.ss_flags = SS_DISABLE;
  sigaltstack(&none, nullptr);
  munmap(locals->signal_stack, kSignalStackBytes);
  locals->signal_stack = nullptr;
}

void PoisonGuard(ThreadLocals* locals) {
#if defined(__x86_64__)
  // Relaxed: a request; `preempt` has been set before, and what is missed comes again next tick.
  locals->guard_word->store(kPoisonedGuard, std::memory_order_relaxed);
#else
  (void)locals;
#endif
}

#if defined(__x86_64__)

extern "C" {

// 0: only %xmm; 1: %ymm; 2: %zmm.
__attribute__((visibility("hidden"))) uint8_t weft_vector_level = [] {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return 2;
  return __builtin_cpu_supports("avx") ? 1 : 0;
}();

// Why a prologue has come here that the assembly cannot serve: the guard is poisoned, or there is
// no segment that is large enough. `sp` is the stack pointer at the function's entry. Returns
// whether to try again; otherwise the function goes on where it is.
__attribute__((visibility("hidden"))) uint32_t weft_morestack_slow(size_t frame_bytes,
                                                                   size_t argument_bytes,
                                                                   char* sp) {
  const int saved_errno = GetErrno();  // a call does not change it
  const ThreadLocals* locals = CurrentThreadLocals();
  FiberStack* stack = locals->stack;
  // Relaxed: only this thread's poison, which may come at any time.
  if (locals->guard_word->load(std::memory_order_relaxed) !=
      reinterpret_cast<uintptr_t>(stack->guard)) {
    SetGuardWord(stack->guard);
    YieldIfAllowed(locals);
    locals = CurrentThreadLocals();
  }
  const bool grown = stack->segmented() && sp - frame_bytes < stack->guard &&
                     Grow(locals, stack, frame_bytes + argument_bytes);
  SetErrno(saved_errno);
  return grown ? 1 : 0;
}

// `left` is being returned from, with something behind it that has not been used since, or blocks.
__attribute__((visibility("hidden"))) void weft_morestack_trim(StackSegment* left) {
  const ThreadLocals* locals = CurrentThreadLocals();
  FreeBlocks(&left->blocks, UINTPTR_MAX);
  if (locals->no_preempt >= kNoPreemptSpinLock) return;  // as in Grow()
  GiveSegments(left->next);
  left->next = nullptr;
}

// An exception leaves the segment in use.
__attribute__((visibility("hidden"))) void weft_morestack_leave() {
  FiberStack* stack = CurrentThreadLocals()->stack;
  StackSegment* left = stack->segment;
  if (left->next != nullptr || left->blocks != nullptr) weft_morestack_trim(left);
  stack->segment = left->prev;
  stack->guard = left->prev->guard();
  SetGuardWord(stack->guard);
}

extern char weft_morestack_returned[];
extern char weft_morestack_landing_pad[];

// Stops at the frame of __morestack only while destructors run, and only where the body was called.
__attribute__((visibility("hidden"))) _Unwind_Reason_Code weft_morestack_personality(
    int, _Unwind_Action actions, _Unwind_Exception_Class, _Unwind_Exception* exception,
    _Unwind_Context* context) {
  constexpr int kRax = 0;
  if ((actions & _UA_CLEANUP_PHASE) == 0 ||
      _Unwind_GetIP(context) != reinterpret_cast<uintptr_t>(weft_morestack_returned)) {
    return _URC_CONTINUE_UNWIND;
  }
  _Unwind_SetGR(context, kRax, reinterpret_cast<uintptr_t>(exception));
  _Unwind_SetIP(context, reinterpret_cast<uintptr_t>(weft_morestack_landing_pad));
  return _URC_INSTALL_CONTEXT;
}

// For alloca() where the segment has no room. Freed when the segment is left, or when somebody
// comes here from a frame that is further up.
void* __morestack_allocate_stack_space(size_t bytes) {
  const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  ThreadLocals* locals = CurrentThreadLocals();
  StackBlock** list = locals->stack != nullptr ? &locals->stack->segment->blocks : &locals->blocks;
  FreeBlocks(list, frame);
  void* memory = std::malloc(sizeof(StackBlock) + bytes);
  if (memory == nullptr) Fatal("out of memory in alloca()");
  auto* block = ::new (memory) StackBlock{*list, frame};
  *list = block;
  return block + 1;
}

}  // extern "C"

#endif  // x86-64

}  // namespace weft::sched_internal
