// Whoever finds the error first closes the channel, and looks first whether somebody has: but not
// in one step.
#include "weft/chan/chan.h"
#include "weft/examples/sim/example.h"
#include "weft/sched/go.h"
#include "weft/sync/atomic.h"
#include "weft/sync/waitgroup.h"

namespace {

struct Abort {
  weft::Atomic<bool> aborted;
  weft::Chan<weft::Empty> done = weft::MakeChan<weft::Empty>();
};

SHOWN void FindError(Abort& abort, int how_late) {
  for (int i = 0; i < how_late; ++i) Work();
  if (abort.aborted.Load()) return;
  abort.aborted.Store(true);  // should be one CompareAndSwap() with the line above
  abort.done.Close();
}

bool Run() {
  Abort abort;
  weft::WaitGroup wg;
  wg.Go([&abort] { FindError(abort, 0); });
  wg.Go([&abort] { FindError(abort, 2); });
  abort.done.Recv();
  wg.Wait();
  return true;
}

}  // namespace

int main(int argc, char** argv) { return RunExample(argc, argv, Run); }
