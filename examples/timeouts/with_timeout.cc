// A timeout that all who work on a request share: the context ends by itself.
#include <cstdio>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/context/context.h"
#include "weft/sched/main.h"

absl::Status Work(const weft::Context& ctx, absl::Duration work) {
  if (weft::Select(weft::OnRecv(weft::After(work)), weft::OnDone(ctx)) == 1) return ctx.Err();
  return absl::OkStatus();
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    for (absl::Duration limit : {absl::Hours(1), absl::Milliseconds(2)}) {
      auto [ctx, cancel] = weft::WithTimeout(weft::Background(), limit);
      weft::CancelOnExit stop(cancel);
      absl::Status s = Work(ctx, absl::Milliseconds(1));
      if (s.ok()) s = Work(ctx, limit < absl::Minutes(1) ? absl::Hours(1) : absl::ZeroDuration());
      std::printf("%s\n", s.ToString().c_str());
    }
  });
}

// Output:
// OK
// DEADLINE_EXCEEDED: context deadline exceeded
