// The collector stops at once when it is told that all has been sent: even if something is left in
// the channel, for a select takes any of the cases that are ready.
#include <optional>

#include "weft/chan/chan.h"
#include "weft/chan/select.h"
#include "weft/examples/sim/example.h"
#include "weft/sched/go.h"
#include "weft/sync/waitgroup.h"

namespace {

constexpr int kItems = 3;

SHOWN void Send(weft::Chan<int> items, weft::Chan<weft::Empty> finished) {
  for (int i = 0; i < kItems; ++i) items.Send(1);
  Work();
  finished.Close();  // closing `items` would do, and would be in order
}

SHOWN int Collect(weft::Chan<int> items, weft::Chan<weft::Empty> finished) {
  int sum = 0;
  for (;;) {
    std::optional<int> item;
    if (weft::Select(weft::OnRecv(items, &item), weft::OnRecv(finished)) == 1) return sum;
    sum += *item;
  }
}

bool Run() {
  auto items = weft::MakeChan<int>(kItems);
  auto finished = weft::MakeChan<weft::Empty>();
  weft::WaitGroup wg;
  wg.Go([=] { Send(items, finished); });
  const int sum = Collect(items, finished);
  wg.Wait();
  return sum == kItems;
}

}  // namespace

int main(int argc, char** argv) { return RunExample(argc, argv, Run); }
