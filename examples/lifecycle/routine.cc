// A program as a routine: prepare, a main executor with a child, a cleanup; made of executors that
// retry and repeat.
#include <cstdio>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/executors.h"
#include "weft/patterns/routine.h"

using weft::Context;
using namespace weft::routine;

absl::Status Connect(const Context& ctx) {
  std::printf("connect: attempt %d\n", RetryFrom(ctx));
  return RetryFrom(ctx) < 3 ? absl::UnavailableError("not yet") : absl::OkStatus();
}

absl::Status Work(const Context& ctx) {
  std::printf("work: run %d\n", RepeatFrom(ctx));
  return absl::OkStatus();
}

absl::Status Close(const Context&) {
  std::puts("cleanup");
  return absl::OkStatus();
}

int main(int argc, char** argv) {
  return Main(
      argc, argv,
      Append({Repeat(2, absl::Milliseconds(1), Work), Guarantee(Timeout(absl::Hours(1), Work))}),
      {.prepare = Retry(5, Connect), .cleanup = Close});
}

// Output:
// connect: attempt 1
// connect: attempt 2
// connect: attempt 3
// work: run 1
// work: run 2
// work: run 0
// cleanup
