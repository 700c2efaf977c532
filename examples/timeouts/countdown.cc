// A countdown that Enter aborts. A fiber waits for the key in a region that says that it blocks, so
// that its processor serves the others meanwhile.
#include <cstdio>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/sched/blocking.h"
#include "weft/sched/main.h"

// Closed when a line, or the end, was read.
weft::RecvChan<weft::Empty> Enter() {
  auto pressed = weft::MakeChan<weft::Empty>();
  weft::Go([pressed] {
    int c;
    do {
      c = weft::Blocking([] { return std::getchar(); });
    } while (c != '\n' && c != EOF);
    pressed.Close();
  });
  return pressed;
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [=] {
    // An argument makes it quick enough for a demonstration of the launch.
    const weft::Ticker tick(argc > 1 ? absl::Milliseconds(1) : absl::Seconds(1));
    weft::RecvChan<weft::Empty> abort = argc > 1 ? nullptr : Enter();
    std::puts("Press Enter to abort.");
    for (int seconds = 10; seconds > 0; --seconds) {
      if (weft::Select(weft::OnRecv(tick.C()), weft::OnRecv(abort)) == 1) {
        std::puts("Aborted.");
        return 0;
      }
      std::printf("%d\n", seconds);
    }
    std::puts("Launch!");
    return 0;
  });
}

// Input: (Enter)
// Output:
// Press Enter to abort.
// Aborted.
