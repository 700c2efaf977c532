// The leader and an observer wait for the same round on the same WaitGroup; the leader begins the
// next round before the observer has come out of the last.
#include "weft/examples/sim/example.h"
#include "weft/sched/go.h"
#include "weft/sync/waitgroup.h"

namespace {

constexpr int kRounds = 2;

SHOWN void Lead(weft::WaitGroup& round) {
  for (int i = 0; i < kRounds; ++i) {
    round.Add(1);  // a new round needs a new WaitGroup, or to know that nobody waits for the last
    weft::Go([&round] {
      Work();
      round.Done();
    });
    round.Wait();
    Work();
    Work();
  }
}

SHOWN void Observe(weft::WaitGroup& round) { round.Wait(); }

bool Run() {
  weft::WaitGroup round;
  weft::WaitGroup everyone;
  everyone.Go([&round] { Lead(round); });
  everyone.Go([&round] { Observe(round); });
  everyone.Wait();
  return true;
}

}  // namespace

int main(int argc, char** argv) { return RunExample(argc, argv, Run); }
