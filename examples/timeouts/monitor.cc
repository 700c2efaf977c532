// A monitor that reports on something again and again, until a quit channel is closed.
#include <cstdio>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/sched/main.h"

void Monitor(weft::Chan<int> reports, weft::RecvChan<weft::Empty> quit,
             weft::Chan<weft::Empty> stopped) {
  const weft::Ticker tick(absl::Milliseconds(1));
  for (int n = 1;; ++n) {
    if (weft::Select(weft::OnRecv(tick.C()), weft::OnRecv(quit)) == 1) break;
    if (weft::Select(weft::OnSend(reports, n), weft::OnRecv(quit)) == 1) break;
  }
  tick.Stop();
  std::puts("monitor: stopped");
  stopped.Close();
}

int main(int argc, char** argv) {
  return weft::Main(argc, argv, [] {
    auto reports = weft::MakeChan<int>();
    auto quit = weft::MakeChan<weft::Empty>(), stopped = weft::MakeChan<weft::Empty>();
    weft::Go([=] { Monitor(reports, quit, stopped); });
    for (int i = 0; i < 3; ++i) std::printf("report %d\n", *reports.Recv());
    quit.Close();
    stopped.Recv();
  });
}

// Output:
// report 1
// report 2
// report 3
// monitor: stopped
