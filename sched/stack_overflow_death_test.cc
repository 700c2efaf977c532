// A stack that ends says so, whichever kind it is and whatever runs on it.
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/internal/stack_kind.h"
#include "weft/sched/main.h"
#include "weft/sched/runtime.h"

namespace weft {
namespace {

using sched_internal::kStackKind;
using sched_internal::StackKind;

constexpr bool kSegmented = kStackKind == StackKind::kSegmented;
constexpr size_t kLimit = 1 << 20;

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define NO_SPLIT_STACK __attribute__((no_split_stack))
#else
#define NO_SPLIT_STACK
#endif

volatile int never = -1;

__attribute__((noinline)) int EndlessSplit(int depth) {
  if (depth == never) return 0;
  volatile char frame[100];
  frame[0] = static_cast<char>(depth);
  return EndlessSplit(depth + 1) + frame[0];
}

NO_SPLIT_STACK int EndlessForeign(int depth);
__attribute__((noinline)) int EndlessForeign(int depth) {
  if (depth == never) return 0;
  volatile char frame[100];
  frame[0] = static_cast<char>(depth);
  return EndlessForeign(depth + 1) + frame[0];
}

// In a process of its own: the fiber `deep` runs fn().
template <typename Fn>
[[noreturn]] void RunDeep(Fn fn) {
  SetMaxStack(kLimit);
  char name[] = "deep";
  char* arguments[] = {name, nullptr};
  std::exit(Main(1, arguments, [fn] {
    Go({.name = "deep"}, fn);
    for (;;) Sleep(absl::Seconds(1));
  }));
}

// The whole report.
std::string Report(const std::string& function) {
  return "exceeds its limit of [0-9]+ bytes.fatal error: stack overflow..fiber [0-9]+ .running, "
         "name deep.:.*" +
         function + ".*created by ";
}
#define EXPECT_OVERFLOW(statement, function) \
  EXPECT_EXIT(statement, testing::ExitedWithCode(2), Report(function))

TEST(StackOverflowDeathTest, CodeThatAsksForMoreReachesTheLimit) {
  EXPECT_OVERFLOW(RunDeep([] { EndlessSplit(0); }), "EndlessSplit");
  EXPECT_EXIT(RunDeep([] { EndlessSplit(0); }), testing::ExitedWithCode(2),
              kSegmented ? "limit of 1048576 bytes" : "limit of 26[0-9]+ bytes");
}

TEST(StackOverflowDeathTest, CodeThatDoesNotAskRunsIntoTheGuard) {
  EXPECT_OVERFLOW(RunDeep([] { EndlessForeign(0); }), "EndlessForeign");
}

#if !defined( \
    WEFT_TSAN)  // which runs handlers, and then dies of what happens in them, in its own way
template <int (*kEndless)(int)>
void OnSignal(int) {
  kEndless(0);
}

template <int (*kEndless)(int)>
[[noreturn]] void RunDeepInHandler() {
  RunDeep([] {
    struct sigaction action = {};
    action.sa_handler = &OnSignal<kEndless>;
    sigaction(SIGUSR1, &action, nullptr);
    raise(SIGUSR1);
  });
}

TEST(StackOverflowDeathTest, InASignalHandlerToo) {
  EXPECT_OVERFLOW(RunDeepInHandler<&EndlessSplit>(), "EndlessSplit");
  EXPECT_OVERFLOW(RunDeepInHandler<&EndlessForeign>(), "EndlessForeign");
}
#endif

volatile uintptr_t no_address = 8;
void Fault() { *reinterpret_cast<volatile int*>(no_address) = 1; }

TEST(StackOverflowDeathTest, OtherFaultsAreNoOverflow) {
  EXPECT_EXIT(
      RunDeep([] { Fault(); }),
      // AddressSanitizer reports it by itself, and exits.
      [](int status) {
        return sched_internal::kAsan || sched_internal::kTsan
                   ? WIFEXITED(status) && WEXITSTATUS(status) != 2
                   : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
      },
      "");
}

TEST(StackOverflowDeathTest, OtherFaultsGoToTheFormerHandler) {
  const auto former = [](int, siginfo_t* info, void*) {
    _exit(info->si_addr == reinterpret_cast<void*>(8) ? 77 : 78);
  };
  EXPECT_EXIT(
      {
        struct sigaction action = {};
        action.sa_sigaction = former;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGSEGV, &action, nullptr);
        RunDeep([] { Fault(); });
      },
      testing::ExitedWithCode(77), "");
}

TEST(StackOverflowDeathTest, AFrameLargerThanTheLimitIsOne) {
  if (!kSegmented) return;
  EXPECT_EXIT(RunDeep([] {
                volatile char frame[2 << 20];
                frame[0] = 1;
                frame[sizeof frame - 1] = 2;
              }),
              testing::ExitedWithCode(2), "fatal error: stack overflow");
}

}  // namespace
}  // namespace weft
