// Park() and Ready() on the real ParkToken: each notification continues the parker once.
#include "weft/sched/internal/parkable.h"

#include <atomic>

#include "gtest/gtest.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/testing/model_expect.h"

namespace weft::sched_internal {
namespace {

using model::Program;

// One permit, to be waited for.
class Permit {
 public:
  void Give() { permits_.store(1, std::memory_order_release); }
  void Take() {
    while (permits_.exchange(0, std::memory_order_acquire) == 0) CpuRelax();
  }

 private:
  Atom<int> permits_{0};
};

struct Meeting {
  ParkToken token;
  model::Var<int> context{0};  // of the parker
  model::Var<int> message{0};  // of the notifier
  Permit run;                  // the run queue
};

// The parker saves its context, commits, and goes on when the notifier has put it into the run
// queue.
TEST(ParkTokenModelTest, OneNotificationResumesOnce) {
  model::ExpectSound([](Program& p) {
    auto& m = p.Make<Meeting>();
    p.Thread([&m] {
      for (bool early : {true, false}) {
        if (early && m.token.TryConsume()) break;
        if (early) continue;
        m.context.Set(1);
        if (m.token.Commit()) {
          m.run.Take();
          m.token.Resume();
        }
      }
      model::Check(m.message.Get() == 5);
      model::Check(!m.token.parked());
    });
    p.Thread([&m] {
      m.message.Set(5);
      const ParkToken::Notification notification = m.token.Notify();
      model::Check(notification != ParkToken::Notification::kTwice);
      if (notification != ParkToken::Notification::kMustWake) return;
      model::Check(m.context.Get() == 1);  // resuming needs the saved context
      m.run.Give();
    });
  });
}

// As above, twice in a row: the second notification comes after the second publication.
TEST(ParkTokenModelTest, TheTokenIsReused) {
  model::ExpectSound([](Program& p) {
    auto& m = p.Make<Meeting>();
    auto& round = p.Make<Atom<int>>(0);
    p.Thread([&] {
      for (int i = 1; i <= 2; ++i) {
        round.store(i, std::memory_order_release);
        if (!m.token.TryConsume() && m.token.Commit()) {
          m.run.Take();
          m.token.Resume();
        }
        model::Check(m.message.Get() == i);
      }
    });
    p.Thread([&] {
      for (int i = 1; i <= 2; ++i) {
        while (round.load(std::memory_order_acquire) != i) CpuRelax();
        m.message.Set(i);
        const ParkToken::Notification notification = m.token.Notify();
        model::Check(notification != ParkToken::Notification::kTwice);
        if (notification == ParkToken::Notification::kMustWake) m.run.Give();
      }
    });
  });
}

}  // namespace
}  // namespace weft::sched_internal
