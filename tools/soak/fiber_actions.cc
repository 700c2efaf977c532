#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>

#include "weft/sched/blocking.h"
#include "weft/sched/catch_panic.h"
#include "weft/sched/fiber_local.h"
#include "weft/sched/go.h"
#include "weft/sched/no_preempt.h"
#include "weft/sched/panic.h"
#include "weft/sched/park.h"
#include "weft/sync/waitgroup.h"
#include "weft/tools/soak/world.h"

namespace weft::soak {
namespace {

void Block(World&, Dice& dice) {
  const int micros = dice.Below(150);
  SOAK_CHECK(Blocking([micros] {
               usleep(static_cast<useconds_t>(micros));
               return micros;
             }) == micros);
}

long ThreadId() { return syscall(SYS_gettid); }

void KeepTheThread(World&, Dice& dice) {
  LockOSThread();
  const long thread = ThreadId();
  for (int i = dice.Below(4); i >= 0; --i) {
    if (dice.OneIn(2)) {
      Sleep(dice.UpTo(absl::Microseconds(50)));
    } else {
      Gosched();
    }
    SOAK_CHECK(ThreadId() == thread);
  }
  UnlockOSThread();
}

// The thread of a fiber that ends with it locked ends too.
void EndTheThread(World&, Dice&) {
  WaitGroup ended;
  ended.Go([] {
    LockOSThread();
    Gosched();
  });
  ended.Wait();
}

// Frames of different sizes, some of which begin a segment, keep what is in them across switches.
__attribute__((noinline)) int Descend(int depth, Dice& dice) {
  volatile int frame[500];
  const int salt = dice.Below(1'000'000);
  frame[0] = salt;
  frame[499] = salt + depth;
  if (dice.OneIn(8)) Gosched();
  const int below = depth == 0 ? 0 : Descend(depth - 1, dice);
  SOAK_CHECK(frame[0] == salt && frame[499] == salt + depth);
  return below + 1;
}

void Deep(World&, Dice& dice) {
  const int depth = dice.Below(100);
  SOAK_CHECK(Descend(depth, dice) == depth + 1);
}

// Each fiber has its own exceptions in flight, also while it waits in a handler.
void Throw(World&, Dice& dice) {
  const std::string message = std::to_string(dice.Below(1'000'000));
  try {
    throw std::runtime_error(message);
  } catch (const std::runtime_error& outer) {
    Gosched();
    try {
      Sleep(dice.UpTo(absl::Microseconds(20)));
      throw std::logic_error("inner " + message);
    } catch (const std::logic_error& inner) {
      Gosched();
      SOAK_CHECK(inner.what() == "inner " + message);
    }
    SOAK_CHECK(outer.what() == message);
    const std::exception_ptr again = std::current_exception();
    SOAK_CHECK(again != nullptr);
  }
  SOAK_CHECK(std::current_exception() == nullptr && std::uncaught_exceptions() == 0);
}

void PanicAndRecover(World&, Dice& dice) {
  const std::string message = std::to_string(dice.Below(1'000'000));
  const std::exception_ptr panic = CatchPanic([&] {
    Gosched();
    Panic(message);
  });
  SOAK_CHECK(panic != nullptr);
  try {
    std::rethrow_exception(panic);
  } catch (const PanicError& error) {
    SOAK_CHECK(error.what() == message);
  }
}

void Exit(World&, Dice& dice) {
  std::atomic<bool> destroyed{false};
  struct Cleanup {
    std::atomic<bool>& flag;
    ~Cleanup() {
      Gosched();
      flag = true;
    }
  };
  const int depth = dice.Below(20);
  WaitGroup ended;
  ended.Go([&] {
    const Cleanup cleanup{destroyed};
    Gosched();
    if (depth >= 0) Goexit();
    SOAK_CHECK(false);
  });
  ended.Wait();
  SOAK_CHECK(destroyed);
}

FiberLocal<std::string> name_of_fiber;

void OwnVariable(World&, Dice& dice) {
  const std::string name =
      "a name that is too long for a string alone " + std::to_string(dice.Below(1'000'000));
  *name_of_fiber = name;
  WaitGroup others;
  others.Go([] { SOAK_CHECK(name_of_fiber->empty()); });
  Gosched();
  SOAK_CHECK(*name_of_fiber == name);
  others.Wait();
}

void Compute(absl::Duration time) {
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(time);
  while (std::chrono::steady_clock::now() < end) {
  }
}

// Longer than a time slice, so that others run meanwhile only if it is preempted.
void Hog(World&, Dice& dice) {
  const absl::Duration time = dice.OneIn(4) ? absl::Milliseconds(12) : absl::Microseconds(300);
  if (dice.OneIn(4)) {
    const NoPreempt keep;
    Compute(time / 4);
  } else {
    Compute(time);
  }
}

void Family(World&, Dice& dice) {
  std::atomic<int> ended{0};
  WaitGroup children;
  const int n = dice.Below(30);
  for (int i = 0; i < n; ++i) {
    children.Go([&ended, i, pause = dice.UpTo(absl::Microseconds(60))] {
      if (i % 3 == 0) Sleep(pause);
      if (i % 3 == 1) Gosched();
      ++ended;
    });
  }
  children.Wait();
  SOAK_CHECK(ended == n);
}

// Anybody may ask for another number of processors at any time.
void Processors(World&, Dice& dice) {
  if (!dice.OneIn(4)) return;
  GOMAXPROCS(1 + dice.Below(8));
}

}  // namespace

const std::vector<Action>& FiberActions() {
  static const auto& actions = *new std::vector<Action>{
      {"block", 4, &Block},
      {"keep the thread", 3, &KeepTheThread},
      {"end the thread", 1, &EndTheThread},
      {"deep", 6, &Deep},
      {"throw", 6, &Throw},
      {"panic", 1, &PanicAndRecover},
      {"exit", 2, &Exit},
      {"own variable", 4, &OwnVariable},
      {"hog", 1, &Hog},
      {"family", 4, &Family},
      {"processors", 1, &Processors},
  };
  return actions;
}

}  // namespace weft::soak
