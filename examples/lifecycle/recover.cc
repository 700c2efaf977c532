// What runs when something panics: destructors, in the opposite order of construction; then the
// handler; then whatever follows it. What stood after the panic does not run.
#include <cstdio>

#include "weft/sched/catch_panic.h"
#include "weft/sched/main.h"
#include "weft/sched/panic.h"
#include "weft/sync/waitgroup.h"

struct Deferred {
  explicit Deferred(const char* text) : text(text) {}
  ~Deferred() { std::printf("deferred: %s\n", text); }
  const char* text;
};

void Risky() {
  Deferred first("first");
  Deferred second("second");
  weft::Panic("something is wrong");
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    weft::WaitGroup one;
    one.Go([] {
      try {
        Risky();
        std::puts("never printed");
      } catch (const weft::PanicError& error) {
        std::printf("recovered: %s\n", error.what());
      }
      std::puts("the fiber goes on");
    });
    one.Wait();
    // Whatever it is that was thrown.
    if (weft::CatchPanic([] { throw 42; })) std::puts("recovered from something else");
  });
}

// Output:
// deferred: second
// deferred: first
// recovered: something is wrong
// the fiber goes on
// recovered from something else
