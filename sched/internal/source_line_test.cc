#include "weft/sched/internal/source_line.h"

#include <sys/auxv.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "weft/sched/internal/function_name.h"
#include "weft/sched/internal/sanitizer.h"
#include "weft/sched/internal/segments.h"
#include "weft/sched/internal/traceback.h"
#include "weft/sched/internal/worker.h"
#include "weft/sched/testing/fixture.h"

namespace weft::sched_internal {
namespace {

constexpr char kThisFile[] = "sched/internal/source_line_test.cc";

struct Place {
  void* pc;
  int line;
};

__attribute__((noinline)) void* ReturnAddress() { return __builtin_return_address(0); }

__attribute__((noinline)) Place Outer() {
  // clang-format off
  Place place = {ReturnAddress(), __LINE__};
  // clang-format on
  asm volatile("");
  return place;
}

__attribute__((always_inline)) inline Place Inner() {
  Place place = {ReturnAddress(), __LINE__};
  asm volatile("");
  return place;
}

int inlined_at = 0;

__attribute__((noinline)) Place HasInnerInside() {
  inlined_at = __LINE__ + 1;
  const Place place = Inner();
  asm volatile("");
  return place;
}

std::string PlaceText(void* pc) {
  const SourceLines lines(pc);
  char text[512];
  FormatPlace(lines, lines.size() - 1, pc, text, sizeof text);
  return text;
}

// The first test: nobody has read anything yet.
TEST(SourceLineTest, ManyReadForTheFirstTime) {
  std::atomic<int> ready{0};
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const Place place = Outer();
      ++ready;
      while (ready < 4) std::this_thread::yield();
      for (int k = 0; k < 100; ++k) {
        const SourceLines lines(place.pc);
        right += lines.size() == 1 && lines[0].line == place.line;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 400);
}

TEST(SourceLineTest, LineOfACall) {
  const Place place = Outer();
  const SourceLines lines(place.pc);
  ASSERT_EQ(lines.size(), 1);
  EXPECT_STREQ(lines[0].file, kThisFile);
  EXPECT_EQ(lines[0].line, place.line);
  const auto pc = reinterpret_cast<uintptr_t>(place.pc);
  EXPECT_GT(lines.function_start(), pc - 4096);
  EXPECT_LT(lines.function_start(), pc);
}

TEST(SourceLineTest, InlinedCallsAreLinesOfTheirOwn) {
  const Place place = HasInnerInside();
  const SourceLines lines(place.pc);
  ASSERT_EQ(lines.size(), 2);
  EXPECT_EQ(ShortFunctionName(lines[0].function), "Inner");
  EXPECT_EQ(lines[0].line, place.line);
  EXPECT_EQ(lines[1].line, inlined_at);
  EXPECT_STREQ(lines[1].file, kThisFile);
}

TEST(SourceLineTest, InlinedCallsAreFramesAsGoPrintsThem) {
  void* pc = HasInnerInside().pc;
  std::string text;
  AppendFrames(&text, &pc, 1);
  EXPECT_TRUE(text.starts_with("Inner(...)\n\tsched/internal/source_line_test.cc:")) << text;
  EXPECT_NE(text.find("::HasInnerInside()\n\tsched/internal/source_line_test.cc:" +
                      std::to_string(inlined_at) + " +0x"),
            std::string::npos)
      << text;
}

std::string Address(void* pc) {
  char text[64];
  std::snprintf(text, sizeof text, "\t%p\n", pc);
  return text;
}

// The kernel's, of which there is not even a file.
TEST(SourceLineTest, SharedLibraryWithoutDebugInformationHasAddresses) {
  const unsigned long vdso = getauxval(AT_SYSINFO_EHDR);
  ASSERT_NE(vdso, 0u);
  void* const pc = reinterpret_cast<void*>(vdso + 2048);
  EXPECT_EQ(PlaceText(pc), Address(pc));
}

// Whose debug information is in a package that may be installed.
TEST(SourceLineTest, CodeOfTheCLibrary) {
  void* const pc = reinterpret_cast<char*>(&getauxval) + 1;
  const std::string text = PlaceText(pc);
  EXPECT_TRUE(text == Address(pc) || text.find("getauxval.c:") != text.npos) << text;
}

TEST(SourceLineTest, WhatIsNoCodeHasNoLine) {
  int on_stack = 0;
  static int data = 0;
  for (void* pc : {static_cast<void*>(nullptr), reinterpret_cast<void*>(1),
                   reinterpret_cast<void*>(UINTPTR_MAX), static_cast<void*>(&on_stack),
                   static_cast<void*>(&data)}) {
    const SourceLines lines(pc);
    EXPECT_EQ(lines.size(), 0) << pc;
  }
  EXPECT_EQ(PlaceText(reinterpret_cast<void*>(16)), "\t0x10\n");
}

TEST(SourceLineTest, SeveralAreAliveAtOnce) {
  const Place place = Outer();
  const SourceLines first(place.pc);
  const SourceLines second(HasInnerInside().pc);
  ASSERT_EQ(first.size(), 1);
  EXPECT_EQ(first[0].line, place.line);
  EXPECT_EQ(second.size(), 2);
}

TEST(SourceLineTest, ErrnoStays) {
  errno = 77;
  { const SourceLines lines(Outer().pc); }
  EXPECT_EQ(errno, 77);
}

// Goes down the stack, of which this file never asks for more, until so many bytes are left.
__attribute__((noinline)) int ReadNearEndOfStack(const Place& place, size_t left) {
  volatile char frame[256];
  frame[0] = 0;
  StackBounds bounds;
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (!FindBounds(CurrentFiber()->stack, here, &bounds)) return -1;
  if (here - bounds.low > left) return ReadNearEndOfStack(place, left) + frame[0];
  const SourceLines lines(place.pc);
  return lines.size() == 0 ? 0 : lines[0].line;
}

// What instrumented code and interceptors need themselves is no concern of the reader's.
constexpr size_t kStackLeft = kAsan || kTsan ? 24 << 10 : 4 << 10;

TEST(SourceLineDeathTest, FiberWhoseStackIsNearlyFullReadsForTheFirstTime) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        testing::RunInFiber([] {
          const Place place = Outer();
          std::_Exit(ReadNearEndOfStack(place, kStackLeft) == place.line ? 7 : 8);
        });
      },
      ::testing::ExitedWithCode(7), "");
}

TEST(FunctionNameTest, IsAsShortAsThatOfAnAddress) {
  EXPECT_EQ(ShortFunctionName("main"), "main");
  EXPECT_EQ(ShortFunctionName(""), "?");
  EXPECT_EQ(ShortFunctionName("_ZN4weft4ChanIiE4SendEi"), "weft::Chan<>::Send");
  EXPECT_EQ(ShortFunctionName("_ZNSt6vectorIiSaIiEE9push_backERKi"), "std::vector<>::push_back");
  EXPECT_EQ(ShortFunctionName("_ZNKSt6vectorIiSaIiEE4sizeEv"), "std::vector<>::size");
  EXPECT_EQ(ShortFunctionName("_ZZ4mainENKUliE_clEi"), "main::{lambda()#1}::operator()");
  EXPECT_EQ(ShortenFunctionName("void ns::F<int, (ns::E)1>(std::pair<int, int>)"), "ns::F<>");
  EXPECT_EQ(ShortenFunctionName("(anonymous namespace)::F(int)"), "(anonymous namespace)::F");
  EXPECT_EQ(ShortenFunctionName("f(int)::{lambda(char)#2}::operator()(char) const"),
            "f()::{lambda()#2}::operator()");
  EXPECT_EQ(ShortenFunctionName("F(int) const::{lambda()#1}::operator()() const"),
            "F()::{lambda()#1}::operator()");
  EXPECT_EQ(ShortenFunctionName("Main<main(int, char**)::<lambda()> >"), "Main<>");
  EXPECT_EQ(ShortenFunctionName("decltype (a->b) ns::F<int>(int)"), "ns::F<>");
}

TEST(FunctionNameTest, OperatorsKeepTheirSymbols) {
  EXPECT_EQ(ShortenFunctionName("operator()"), "operator()");
  EXPECT_EQ(ShortenFunctionName("A::operator<(A const&) const"), "A::operator<");
  EXPECT_EQ(ShortenFunctionName("A::operator<=>(A const&) const"), "A::operator<=>");
  EXPECT_EQ(ShortenFunctionName("S& operator<< <C>(S&, C)"), "operator<< <>");
  EXPECT_EQ(ShortenFunctionName("A::operator->() const"), "A::operator->");
  EXPECT_EQ(ShortenFunctionName("A::operator>>(int)"), "A::operator>>");
  EXPECT_EQ(ShortenFunctionName("A::operator unsigned long() const"), "A::operator unsigned long");
  EXPECT_EQ(ShortenFunctionName("operator new(unsigned long)"), "operator new");
}

TEST(FunctionNameTest, WhatIsNoNameStaysAsItIs) {
  for (const char* text : {"", "a<b", "f(", "{lambda", "a<(b>"}) {
    EXPECT_EQ(ShortenFunctionName(text), text);
  }
}

}  // namespace
}  // namespace weft::sched_internal
