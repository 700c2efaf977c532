// A timeout of two channels: one for the result, one that another fiber closes when it has been
// long enough.
#include <cstdio>
#include <optional>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/sched/main.h"

// The result, or nothing if the timeout was first. The worker leaves its result in the buffer.
std::optional<int> Within(absl::Duration limit, absl::Duration work) {
  auto result = weft::MakeChan<int>(1);
  auto timeout = weft::MakeChan<weft::Empty>();
  weft::Go([=] {
    weft::Sleep(work);
    result.Send(42);
  });
  weft::Go([=] {
    weft::Sleep(limit);
    timeout.Close();
  });
  std::optional<int> value;
  weft::Select(weft::OnRecv(result, &value), weft::OnRecv(timeout));
  return value;
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    std::printf("quick: %d\n", Within(absl::Hours(1), absl::ZeroDuration()).value_or(-1));
    std::printf("slow: %d\n", Within(absl::Milliseconds(1), absl::Hours(1)).value_or(-1));
  });
}

// Output:
// quick: 42
// slow: -1
