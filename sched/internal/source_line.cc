#include "weft/sched/internal/source_line.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <new>

#include "weft/sched/internal/race.h"
#include "weft/sched/internal/sanitizer.h"

// The part of <backtrace.h> that is called: the header is in gcc's own directory, where clang does
// not look. Weak: the library may not be there (third_party/libbacktrace.bzl).
extern "C" {
struct backtrace_state;
typedef void (*backtrace_error_callback)(void* data, const char* message, int error);
typedef int (*backtrace_full_callback)(void* data, uintptr_t pc, const char* file, int line,
                                       const char* function);
typedef void (*backtrace_syminfo_callback)(void* data, uintptr_t pc, const char* symbol,
                                           uintptr_t value, uintptr_t bytes);
[[gnu::weak]] backtrace_state* backtrace_create_state(const char* file, int threaded,
                                                      backtrace_error_callback on_error,
                                                      void* data);
[[gnu::weak]] int backtrace_pcinfo(backtrace_state* state, uintptr_t pc,
                                   backtrace_full_callback on_line,
                                   backtrace_error_callback on_error, void* data);
[[gnu::weak]] int backtrace_syminfo(backtrace_state* state, uintptr_t address,
                                    backtrace_syminfo_callback on_symbol,
                                    backtrace_error_callback on_error, void* data);
}

namespace weft::sched_internal {

// At the end of the reader's stack.
struct Reading {
  static constexpr int kMaxLines = 16;

  ucontext_t caller;
  ucontext_t reader;
  volatile bool entered = false;
  stack_t signal_stack;

  uintptr_t pc = 0;
  uintptr_t function_start = 0;
  int count = 0;
  SourceLine lines[kMaxLines];
  size_t text_used = 0;
  char text[16 << 10];
};

namespace {

// The reader recurses into nested scopes. Only what it touches is memory.
constexpr size_t kStackBytes = 1 << 20;
constexpr size_t kGuardBytes = 64 << 10;  // a page, of any size

constinit std::atomic<backtrace_state*> shared_state{nullptr};
constinit std::atomic<Reading*> spare{nullptr};
constinit std::atomic<bool> broken{false};
// The thread that survives faults, and what it reads.
constinit std::atomic<pid_t> survivor{0};
constinit std::atomic<Reading*> survivors_reading{nullptr};

bool Linked() {
  return backtrace_create_state != nullptr && backtrace_pcinfo != nullptr &&
         backtrace_syminfo != nullptr;
}

// Relaxed: whether it is the calling thread only that thread can change.
bool Survivor() {
  return survivor.load(std::memory_order_relaxed) == static_cast<pid_t>(syscall(SYS_gettid));
}

char* Base(Reading* reading) {
  return reinterpret_cast<char*>(reading) + sizeof(Reading) - kStackBytes;
}

Reading* NewReading() {
  void* base = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  mprotect(base, kGuardBytes, PROT_NONE);
  return ::new (static_cast<char*>(base) + kStackBytes - sizeof(Reading)) Reading;
}
static_assert(sizeof(Reading) % alignof(Reading) == 0);

Reading* TakeReading() {
  // ORDER(source_line.spare): acquire; pairs with the release in GiveReading(): its former user is
  // through with it.
  Reading* reading = spare.exchange(nullptr, std::memory_order_acquire);
  return reading != nullptr ? reading : NewReading();
}

void GiveReading(Reading* reading) {
  reading->entered = false;
  reading->function_start = 0;
  reading->count = 0;
  reading->text_used = 0;
  // ORDER(source_line.spare): acq_rel; pairs with TakeReading(), and with itself: what comes back
  // is unmapped.
  reading = spare.exchange(reading, std::memory_order_acq_rel);
  if (reading != nullptr) munmap(Base(reading), kStackBytes);
}

// What a reader of the report knows the file as. Bazel's compilers see links to headers below a
// target's _virtual_includes, and sources below a directory that is gone by now.
const char* ShownPath(const char* file) {
  if (const char* links = std::strstr(file, "/_virtual_includes/")) {
    const char* target = links + std::strlen("/_virtual_includes/");
    const char* end = std::strchr(target, '/');
    return end != nullptr ? end + 1 : target;
  }
  if (const char* output = std::strstr(file, "bazel-out/")) {
    const char* bin = std::strstr(output, "/bin/");
    if (bin != nullptr) return bin + std::strlen("/bin/");
  }
  if (const char* root = std::strstr(file, "/execroot/")) {
    const char* end = std::strchr(root + std::strlen("/execroot/"), '/');
    if (end != nullptr) return end + 1;
  }
  constexpr char kWorkspace[] = "/proc/self/cwd/";
  if (std::strncmp(file, kWorkspace, sizeof kWorkspace - 1) == 0) {
    return file + sizeof kWorkspace - 1;
  }
  return file;
}

// A copy that lives as long as the reading.
const char* Keep(Reading* reading, const char* text) {
  const size_t bytes = text != nullptr ? std::strlen(text) + 1 : 0;
  if (bytes == 0 || bytes > sizeof reading->text - reading->text_used) return "";
  char* copy = reading->text + reading->text_used;
  std::memcpy(copy, text, bytes);
  reading->text_used += bytes;
  return copy;
}

int OnLine(void* data, uintptr_t, const char* file, int line, const char* function) {
  auto* reading = static_cast<Reading*>(data);
  if (file == nullptr || line == 0) return 0;
  // The last is the function itself, which a frame must have.
  if (reading->count == Reading::kMaxLines) --reading->count;
  reading->lines[reading->count] = {Keep(reading, function), Keep(reading, ShownPath(file)), line};
  ++reading->count;
  return 0;
}

void OnSymbol(void* data, uintptr_t, const char*, uintptr_t value, uintptr_t) {
  static_cast<Reading*>(data)->function_start = value;
}

// It is not known, then.
void OnError(void*, const char*, int) {}

backtrace_state* State() {
  // ORDER(source_line.state): acquire; pairs with the release below. The library makes its own
  // order for all that hangs on it.
  backtrace_state* state = shared_state.load(std::memory_order_acquire);
  if (state != nullptr) return state;
  state = backtrace_create_state(nullptr, /*threaded=*/1, &OnError, nullptr);
  backtrace_state* winner = nullptr;
  // ORDER(source_line.state): release, acquire; pairs with the loads of others, and with the winner
  // of a tie, whose state is taken. One cannot be freed.
  if (state != nullptr &&
      !shared_state.compare_exchange_strong(winner, state, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
    state = winner;
  }
  return state;
}

// On the reader's stack.
void Read(unsigned high, unsigned low) {
  auto* reading = reinterpret_cast<Reading*>(uintptr_t{high} << 32 | low);
  if (reading->signal_stack.ss_flags != SS_DISABLE) {
    // The caller may be a handler that runs on the signal stack: that of a fault comes here.
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
  }
  backtrace_state* state = State();
  if (state == nullptr) return;
  backtrace_pcinfo(state, reading->pc, &OnLine, &OnError, reading);
  backtrace_syminfo(state, reading->pc, &OnSymbol, &OnError, reading);
}

// Read(), and back here.
__attribute__((noinline)) void ReadOnOwnStack(Reading* reading) {
  getcontext(&reading->reader);
  reading->reader.uc_stack.ss_sp = Base(reading);
  reading->reader.uc_stack.ss_size = kStackBytes - sizeof(Reading);
  reading->reader.uc_link = &reading->caller;
  const auto address = reinterpret_cast<uintptr_t>(reading);
  makecontext(&reading->reader, reinterpret_cast<void (*)()>(&Read), 2,
              static_cast<unsigned>(address >> 32), static_cast<unsigned>(address));
  // Not swapcontext(), of which AddressSanitizer warns.
  getcontext(&reading->caller);
  if (reading->entered) return;
  reading->entered = true;
  setcontext(&reading->reader);
}

// The same, by the thread that survives faults.
void ReadAndSurvive(Reading* reading) {
  sigaltstack(nullptr, &reading->signal_stack);
  // Relaxed, here and in the handler: the same thread's.
  survivors_reading.store(reading, std::memory_order_relaxed);
  ReadOnOwnStack(reading);
  survivors_reading.store(nullptr, std::memory_order_relaxed);
  if (reading->signal_stack.ss_flags != SS_DISABLE) {
    reading->signal_stack.ss_flags = 0;
    sigaltstack(&reading->signal_stack, nullptr);
  }
}

// Has the handler return into setcontext(target).
void ReturnInto(ucontext_t* interrupted, ucontext_t* target) {
  mcontext_t& machine = interrupted->uc_mcontext;
  const auto function = reinterpret_cast<uintptr_t>(&setcontext);
  const auto argument = reinterpret_cast<uintptr_t>(target);
#if defined(__x86_64__)
  constexpr greg_t kRedZone = 128;
  constexpr greg_t kDirectionFlag = 0x400;
  machine.gregs[REG_RIP] = static_cast<greg_t>(function);
  machine.gregs[REG_RDI] = static_cast<greg_t>(argument);
  machine.gregs[REG_RSP] = ((machine.gregs[REG_RSP] - kRedZone) & ~greg_t{15}) - 8;
  machine.gregs[REG_EFL] &= ~kDirectionFlag;
#else
  machine.pc = function;
  machine.regs[0] = argument;
  machine.sp &= ~uintptr_t{15};
#endif
}

void OnFault(int number, siginfo_t* info, void* context) {
  while (!Survivor()) pause();
  Reading* reading = survivors_reading.load(std::memory_order_relaxed);
  if (reading == nullptr || info->si_code <= 0) {
    // The instruction faults again, and then the system's default is done.
    signal(number, SIG_DFL);
    if (info->si_code <= 0) raise(number);  // sent by somebody: there is no such instruction
    return;
  }
  broken.store(true, std::memory_order_relaxed);
  reading->count = 0;
  reading->function_start = 0;
  ReturnInto(static_cast<ucontext_t*>(context), &reading->caller);
}

}  // namespace

SourceLines::SourceLines(void* return_address) : reading_(nullptr) {
  // Relaxed: set by this thread, or it does not matter when it is seen.
  if (!Linked() || broken.load(std::memory_order_relaxed)) return;
  // The library is not instrumented, but calls what is intercepted.
  const race::Ignore ignore;
  const SanitizerIgnoreReads ignore_reads;
  const int saved_errno = errno;
  reading_ = TakeReading();
  if (reading_ != nullptr) {
    // It may be the first address of the next function.
    reading_->pc = reinterpret_cast<uintptr_t>(return_address) - 1;
    reading_->signal_stack.ss_flags = SS_DISABLE;
    if (Survivor()) {
      ReadAndSurvive(reading_);
    } else {
      ReadOnOwnStack(reading_);
    }
  }
  errno = saved_errno;
}

SourceLines::~SourceLines() {
  if (reading_ != nullptr) GiveReading(reading_);
}

int SourceLines::size() const { return reading_ != nullptr ? reading_->count : 0; }

const SourceLine& SourceLines::operator[](int i) const { return reading_->lines[i]; }

uintptr_t SourceLines::function_start() const {
  return reading_ != nullptr ? reading_->function_start : 0;
}

void SurviveFaultsOfReader() {
  if (!Linked()) return;
  // Relaxed: see Survivor().
  survivor.store(static_cast<pid_t>(syscall(SYS_gettid)), std::memory_order_relaxed);
  struct sigaction action = {};
  action.sa_sigaction = &OnFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigset_t faults;
  sigemptyset(&faults);
  for (int number : {SIGSEGV, SIGBUS}) {
    sigaction(number, &action, nullptr);
    sigaddset(&faults, number);
  }
  // A handler of such a fault may be who calls.
  pthread_sigmask(SIG_UNBLOCK, &faults, nullptr);
}

}  // namespace weft::sched_internal
