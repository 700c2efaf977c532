// What reports of death show, and how the process ends then, by WEFT_TRACEBACK. Each case runs in a
// process of its own.
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/go.h"
#include "weft/sched/internal/debug_options.h"
#include "weft/sched/labels.h"
#include "weft/sched/main.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sched/runtime.h"

namespace weft {
namespace {

using sched_internal::ParseTracebackOptions;
using sched_internal::TracebackOptions;
using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

// Matches a report that has `message`, and that shows so many fibers.
class Shows {
 public:
  using is_gtest_matcher = void;

  Shows(std::string message, int fibers) : message_(std::move(message)), fibers_(fibers) {}

  bool MatchAndExplain(const std::string& report, std::ostream*) const {
    std::istringstream lines(report);
    int fibers = 0;
    for (std::string line; std::getline(lines, line);) fibers += line.starts_with("fiber ");
    return report.find(message_) != std::string::npos && fibers == fibers_;
  }
  void DescribeTo(std::ostream* out) const {
    *out << '"' << message_ << "\" and " << fibers_ << " fibers";
  }
  void DescribeNegationTo(std::ostream* out) const { *out << "something else"; }

 private:
  std::string message_;
  int fibers_;
};

// Matches a report that has all of these texts, in this order.
class ShowsInOrder {
 public:
  using is_gtest_matcher = void;

  explicit ShowsInOrder(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  bool MatchAndExplain(const std::string& report, std::ostream*) const {
    size_t at = 0;
    for (const std::string& text : texts_) {
      at = report.find(text, at);
      if (at == std::string::npos) return false;
      at += text.size();
    }
    return true;
  }
  void DescribeTo(std::ostream* out) const {
    for (const std::string& text : texts_) *out << '"' << text << "\", ";
  }
  void DescribeNegationTo(std::ostream* out) const { *out << "something else"; }

 private:
  std::vector<std::string> texts_;
};

std::string Line(int line, const char* end = " +0x") {
  return "\n\tsched/traceback_death_test.cc:" + std::to_string(line) + end;
}

volatile int never = -1;

__attribute__((noinline)) int Endless(int depth) {
  if (depth == never) return 0;
  volatile char frame[100];
  frame[0] = static_cast<char>(depth);
  return Endless(depth + 1) + frame[0];
}

void LeaveNoCore() {
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
}

// In a program without Main().
template <typename Fn>
[[noreturn]] void Lazily(Fn fn) {
  LeaveNoCore();
  Go(fn);
  for (;;) std::this_thread::sleep_for(std::chrono::minutes(1));
}

constexpr int kMainLine = __LINE__ + 8;
// The main function as a fiber, beside another one that waits.
template <typename Fn>
[[noreturn]] void Program(const char* traceback, Fn fn) {
  setenv("WEFT_TRACEBACK", traceback, 1);
  LeaveNoCore();
  char name[] = "program";
  char* arguments[] = {name, nullptr};
  std::exit(Main(1, arguments, [fn] {
    Go([] { Park(WaitReason::kChanSend); });
    Gosched();
    fn();
    Sleep(absl::Seconds(60));
  }));
}

[[noreturn]] void Panics(const char* traceback) {
  Program(traceback, [] { Panic("boom"); });
}
[[noreturn]] void Fails(const char* traceback) {
  Program(traceback, [] { Fatal("broken"); });
}
[[noreturn]] void Overflows(const char* traceback) {
  SetMaxStack(1 << 20);
  Program(traceback, [] {
    Go({.stack_bytes = 65536}, [] { Endless(0); });
    Park(WaitReason::kChanReceive);
  });
}
[[noreturn]] void Deadlocks(const char* traceback) {
  Program(traceback, [] { Park(WaitReason::kChanReceive); });
}
[[noreturn]] void Quits(const char* traceback) {
  Program(traceback, [] { raise(SIGQUIT); });
}

constexpr int kPanicLine = __LINE__ + 2;
[[noreturn]] __attribute__((noinline)) void PanicHere() {
  Panic("boom");
  std::abort();  // or else the call would be the end of the code, and the line the next function's
}

constexpr int kParkLine = __LINE__ + 2;
__attribute__((noinline)) void ParkHere() {
  Park(WaitReason::kChanSend);
  asm volatile("");  // or else the call above would be a jump, and leave no frame
}

constexpr int kGoLine = __LINE__ + 2;
__attribute__((noinline)) void StartOneThatParks() {
  Go([] { ParkHere(); });
  Gosched();
}

constexpr int kInlinedGoLine = __LINE__ + 2;
__attribute__((always_inline)) inline void StartInlined() {
  Go([] { ParkHere(); });
  Gosched();
}

// Code that was not compiled for stacks that grow: it strikes the guard page.
#if __has_attribute(no_split_stack)
int EndlessWithoutGrowth(int depth) __attribute__((no_split_stack));
#endif
constexpr int kRecursionLine = __LINE__ + 5;
__attribute__((noinline)) int EndlessWithoutGrowth(int depth) {
  if (depth == never) return 0;
  volatile char frame[100];
  frame[0] = static_cast<char>(depth);
  return EndlessWithoutGrowth(depth + 1) + frame[0];
}

[[noreturn]] void OverflowsWithoutGrowth() {
  Go({.stack_bytes = 65536}, [] { EndlessWithoutGrowth(0); });
  for (;;) Park(WaitReason::kForever);
}

std::string OverwrittenLibrary() { return ::testing::TempDir() + "/overwritten.so"; }

// What happens to a program while somebody installs a new version of a library in the place of the
// old one: most of the file is gone, so that reading it by a mapping strikes SIGBUS.
void OverwriteALibrary() {
  std::string original;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* found) {
        const std::string_view path(info->dlpi_name);
        if (path.find("/libm.so") != path.npos || path.find("/libm-") != path.npos) {
          *static_cast<std::string*>(found) = path;
        }
        return 0;
      },
      &original);
  const std::string copy = OverwrittenLibrary();
  std::ofstream(copy, std::ios::binary) << std::ifstream(original, std::ios::binary).rdbuf();
  void* const loaded = dlopen(copy.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (original.empty() || loaded == nullptr || truncate(copy.c_str(), 4096) != 0) std::_Exit(1);
}

class TracebackDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(TracebackDeathTest, PanicShowsItsFiberUnlessAskedForMoreOrLess) {
  EXPECT_EXIT(Panics(""), ExitedWithCode(2), Shows("panic: boom\n\nfiber 1 [running", 1));
  EXPECT_EXIT(Panics("none"), ExitedWithCode(2), Shows("panic: boom\n", 0));
  EXPECT_EXIT(Panics("single"), ExitedWithCode(2), Shows("panic: boom\n\nfiber 1 [running", 1));
  EXPECT_EXIT(Panics("all"), ExitedWithCode(2), Shows("panic: boom\n\nfiber 1 [running", 2));
  EXPECT_EXIT(Panics("crash"), KilledBySignal(SIGABRT), Shows("panic: boom\n\nfiber 1 [run", 2));
}

TEST_F(TracebackDeathTest, LabelsOfTheFiberThatPanicsAreShown) {
  EXPECT_EXIT(Program("",
                      [] {
                        ScopedLabels labels({{"job", "resize"}, {"by", "a \"b\""}});
                        Panic("boom");
                      }),
              ExitedWithCode(2),
              Shows("fiber 1 [running, name main] {by: \"a \\\"b\\\"\", job: resize}:\n", 1));
}

TEST_F(TracebackDeathTest, FatalErrorShowsAllUnlessAskedForLess) {
  EXPECT_EXIT(Fails(""), ExitedWithCode(2), Shows("fatal error: broken\n\nfiber 1 [running", 2));
  EXPECT_EXIT(Fails("none"), ExitedWithCode(2), Shows("fatal error: broken\n", 0));
  EXPECT_EXIT(Fails("single"), ExitedWithCode(2), Shows("fatal error: broken\n\nfiber 1 [", 1));
  EXPECT_EXIT(Fails("all"), ExitedWithCode(2), Shows("fatal error: broken\n\nfiber 1 [", 2));
  EXPECT_EXIT(Fails("crash"), KilledBySignal(SIGABRT), Shows("fatal error: broken\n\nfib", 2));
}

TEST_F(TracebackDeathTest, StackOverflowIsAFatalError) {
  const char message[] = "fatal error: stack overflow\n";
  EXPECT_EXIT(Overflows(""), ExitedWithCode(2), Shows(message, 3));
  EXPECT_EXIT(Overflows(""), ExitedWithCode(2), Shows("\nfiber 1 [chan receive, name main]:\n", 3));
  EXPECT_EXIT(Overflows("none"), ExitedWithCode(2), Shows(message, 0));
  EXPECT_EXIT(Overflows("single"), ExitedWithCode(2), Shows(message, 1));
  EXPECT_EXIT(Overflows("crash"), KilledBySignal(SIGABRT), Shows(message, 3));
}

TEST_F(TracebackDeathTest, DeadlockIsNoFibersFaultSoAllAreShown) {
  EXPECT_EXIT(Deadlocks(""), ExitedWithCode(2), Shows("asleep - deadlock!\n\nfiber 1 [chan r", 2));
  EXPECT_EXIT(Deadlocks("none"), ExitedWithCode(2), Shows("asleep - deadlock!\n", 0));
  EXPECT_EXIT(Deadlocks("single"), ExitedWithCode(2), Shows("asleep - deadlock!\n\nfiber 1", 2));
  EXPECT_EXIT(Deadlocks("crash"), KilledBySignal(SIGABRT), Shows("asleep - deadlock!\n\nfib", 2));
}

TEST_F(TracebackDeathTest, QuitSignalShowsAllAndExitsTwo) {
  EXPECT_EXIT(Quits(""), ExitedWithCode(2), Shows("SIGQUIT: quit\n\nfiber 1 [", 2));
  EXPECT_EXIT(Quits("none"), ExitedWithCode(2), Shows("SIGQUIT: quit\n\nfiber 1 [", 2));
  EXPECT_EXIT(Quits("crash"), KilledBySignal(SIGABRT), Shows("SIGQUIT: quit\n\nfiber 1 [", 2));
}

TEST_F(TracebackDeathTest, QuitSignalOfAnIdleProcess) {
  EXPECT_EXIT(Program("",
                      [] {
                        std::thread([] {
                          // Longer than the monitor stays awake when nothing runs.
                          std::this_thread::sleep_for(std::chrono::milliseconds(300));
                          raise(SIGQUIT);
                        }).detach();
                      }),
              ExitedWithCode(2), Shows("SIGQUIT: quit\n\nfiber 1 [sleep, name main]:\n", 2));
}

TEST_F(TracebackDeathTest, QuitSignalWhileAFiberDoesNotYield) {
  EXPECT_EXIT(Program("",
                      [] {
                        Go([] {
                          raise(SIGQUIT);
                          for (;;) asm volatile("");
                        });
                      }),
              ExitedWithCode(2), Shows("[running]:\n\trunning on another thread; stack un", 3));
}

TEST_F(TracebackDeathTest, QuitSignalIsLeftToAProgramThatHandlesIt) {
  EXPECT_EXIT(
      {
        signal(SIGQUIT, [](int) { std::_Exit(9); });
        Quits("");
      },
      ExitedWithCode(9), "");
  EXPECT_EXIT(
      {
        signal(SIGQUIT, SIG_IGN);
        Program("", [] {
          raise(SIGQUIT);
          std::_Exit(8);
        });
      },
      ExitedWithCode(8), "");
}

TEST_F(TracebackDeathTest, RuntimeThatOnlyLivesInAProgramLeavesQuitSignalAlone) {
  EXPECT_EXIT(Lazily([] { raise(SIGQUIT); }), KilledBySignal(SIGQUIT), "");
}

TEST_F(TracebackDeathTest, PanicShowsItsLine) {
  EXPECT_EXIT(Program("", [] { PanicHere(); }), ExitedWithCode(2),
              ShowsInOrder({"panic: boom\n\nfiber 1 [running", "::PanicHere()" + Line(kPanicLine),
                            "Program<>() in a plain thread" + Line(kMainLine, "")}));
}

TEST_F(TracebackDeathTest, FatalErrorShowsLinesOfThoseWhoWait) {
  EXPECT_EXIT(
      Program("",
              [] {
                StartOneThatParks();
                Fatal("broken");
              }),
      ExitedWithCode(2),
      ShowsInOrder({"fatal error: broken\n", " [chan send]:\n", "::ParkHere()" + Line(kParkLine),
                    "::StartOneThatParks() in fiber 1" + Line(kGoLine)}));
}

TEST_F(TracebackDeathTest, CreatorThatWasInlinedIsNamed) {
  EXPECT_EXIT(Program("",
                      [] {
                        StartInlined();
                        Fatal("broken");
                      }),
              ExitedWithCode(2),
              ShowsInOrder({" [chan send]:\n", "created by ",
                            "StartInlined() in fiber 1" + Line(kInlinedGoLine, "\n")}));
}

TEST_F(TracebackDeathTest, DeadlockShowsLines) {
  EXPECT_EXIT(Program("",
                      [] {
                        StartOneThatParks();
                        ParkHere();
                      }),
              ExitedWithCode(2),
              ShowsInOrder({"asleep - deadlock!\n\nfiber 1 [", "::ParkHere()" + Line(kParkLine),
                            " [chan send]:\n", "::ParkHere()" + Line(kParkLine),
                            "::StartOneThatParks() in fiber 1" + Line(kGoLine)}));
}

TEST_F(TracebackDeathTest, QuitSignalShowsLines) {
  EXPECT_EXIT(Program("",
                      [] {
                        StartOneThatParks();
                        raise(SIGQUIT);
                      }),
              ExitedWithCode(2),
              ShowsInOrder({"SIGQUIT: quit\n", " [chan send]:\n", "::ParkHere()" + Line(kParkLine),
                            "::StartOneThatParks() in fiber 1" + Line(kGoLine)}));
}

TEST_F(TracebackDeathTest, StackOverflowShowsLines) {
  const std::vector<std::string> texts = {"fatal error: stack overflow\n",
                                          "::EndlessWithoutGrowth()" + Line(kRecursionLine),
                                          "::ParkHere()" + Line(kParkLine)};
  EXPECT_EXIT(Program("",
                      [] {
                        StartOneThatParks();
                        OverflowsWithoutGrowth();
                      }),
              ExitedWithCode(2), ShowsInOrder(texts));
}

TEST_F(TracebackDeathTest, LibraryThatWasOverwrittenCostsTheLinesOnly) {
  EXPECT_EXIT(Program("",
                      [] {
                        OverwriteALibrary();
                        PanicHere();
                      }),
              ExitedWithCode(2),
              ShowsInOrder({"panic: boom\n\nfiber 1 [running", "::PanicHere()\n\t0x", "created by ",
                            "\n\t0x"}));
  // The signal's handler is at work then, on its own stack.
  EXPECT_EXIT(Program("",
                      [] {
                        StartOneThatParks();
                        OverwriteALibrary();
                        OverflowsWithoutGrowth();
                      }),
              ExitedWithCode(2),
              ShowsInOrder({"fatal error: stack overflow\n", "::EndlessWithoutGrowth()\n\t0x",
                            " [chan send]:\n", "::ParkHere()\n\t0x"}));
  unlink(OverwrittenLibrary().c_str());
}

// stacks, all at a panic, all at a fatal error, runtime frames, crash
std::string Text(const TracebackOptions& o) {
  std::string text;
  for (bool b : {o.stacks, o.all_at_panic, o.all_at_fatal, o.runtime_frames, o.crash}) {
    text += b ? '1' : '0';
  }
  return text;
}

TEST(TracebackOptionsTest, WordsAndNumbers) {
  EXPECT_EQ(Text(ParseTracebackOptions("")), "10100");
  EXPECT_EQ(Text(ParseTracebackOptions("single")), "10000");
  EXPECT_EQ(Text(ParseTracebackOptions("all")), "11100");
  EXPECT_EQ(Text(ParseTracebackOptions("1")), "11100");
  EXPECT_EQ(Text(ParseTracebackOptions("system")), "11110");
  EXPECT_EQ(Text(ParseTracebackOptions("2")), "11110");
  EXPECT_EQ(Text(ParseTracebackOptions("9")), "11110");
  EXPECT_EQ(Text(ParseTracebackOptions("crash")), "11111");
  for (const char* none : {"none", "0", "-1", "nonsense", "all ", "1x"}) {
    EXPECT_EQ(Text(ParseTracebackOptions(none))[0], '0') << none;
  }
}

}  // namespace
}  // namespace weft
