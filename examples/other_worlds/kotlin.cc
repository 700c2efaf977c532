// Kotlin: coroutineScope, launch, async and await, withTimeout, supervisorScope's opposite: a
// failure ends its siblings.
#include <cstdio>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/future.h"
#include "weft/patterns/scope.h"
#include "weft/sched/main.h"

absl::Status Forever(const weft::Context& ctx) {
  ctx.Done().Recv();
  std::puts("a sibling was cancelled");
  return ctx.Err();
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    // coroutineScope { val a = async { 20 }; val b = async { 22 }; println(a.await() + b.await()) }
    absl::Status s = weft::WithScope(weft::Background(), [](weft::Scope& scope) {
      auto a = weft::Async(scope, [](const weft::Context&) { return 20; });
      auto b = weft::Async(scope, [](const weft::Context&) { return 22; });
      std::printf("%d\n", *a.Get() + *b.Get());
    });
    std::printf("%s\n", s.ToString().c_str());

    // coroutineScope { launch { delay(Long.MAX_VALUE) }; launch { throw … } }
    s = weft::WithScope(weft::Background(), [](weft::Scope& scope) {
      scope.Go(Forever);
      scope.Go([] { return absl::NotFoundError("child"); });
    });
    std::printf("%s\n", s.ToString().c_str());

    // withTimeout(1) { … }
    auto [ctx, cancel] = weft::WithTimeout(weft::Background(), absl::Milliseconds(1));
    s = weft::WithScope(ctx, [](weft::Scope& scope) { scope.Go(Forever); });
    std::printf("%s\n", s.ToString().c_str());
  });
}

// Output:
// 42
// OK
// a sibling was cancelled
// NOT_FOUND: child
// a sibling was cancelled
// DEADLINE_EXCEEDED: context deadline exceeded
