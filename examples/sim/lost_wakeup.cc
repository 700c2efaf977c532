// The consumer looks whether the result is there and then waits, without holding the lock from the
// one to the other: a result that comes in between is announced to nobody.
#include "weft/examples/sim/example.h"
#include "weft/sched/go.h"
#include "weft/sync/atomic.h"
#include "weft/sync/cond.h"
#include "weft/sync/mutex.h"
#include "weft/sync/waitgroup.h"

namespace {

struct Mailbox {
  weft::Mutex mu;
  weft::Cond arrived{mu};
  weft::Atomic<int> letters;
};

SHOWN void Produce(Mailbox& box) {
  Work();
  box.letters.Add(1);
  box.arrived.Signal();
}

SHOWN void Consume(Mailbox& box) {
  if (box.letters.Load() == 0) {
    box.mu.lock();
    box.arrived.Wait();  // should look again, under the lock
    box.mu.unlock();
  }
  box.letters.Add(-1);
}

bool Run() {
  Mailbox box;
  weft::WaitGroup wg;
  wg.Go([&box] { Consume(box); });
  wg.Go([&box] { Produce(box); });
  wg.Wait();
  return box.letters.Load() == 0;
}

}  // namespace

int main(int argc, char** argv) { return RunExample(argc, argv, Run); }
