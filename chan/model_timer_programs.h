// Programs of timer channels for the model explorer: a timer is stopped, reset, received from and
// dropped while it fires.
#ifndef WEFT_CHAN_MODEL_TIMER_PROGRAMS_H_
#define WEFT_CHAN_MODEL_TIMER_PROGRAMS_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/timer_chan.h"
#include "weft/sched/testing/model.h"
#include "weft/sched/testing/model_timer.h"

namespace weft::chan_model {

namespace model = sched_internal::model;
using chan_internal::TimerChan;
using model::Check;
using TimerProgramFn = std::function<void(model::Program&)>;

// What was set before the threads start, and what is set by them. Thirty years lie between them, so
// that a time that was received says of which it is: it is the wall clock's, less how late it was
// sent.
inline constexpr int64_t kBefore = 0;
inline constexpr int64_t kAnew = 1'000'000'000'000'000'000;

inline bool IsOld(absl::Time received) {
  return received < absl::Now() - absl::Nanoseconds(kAnew / 2);
}

// A timer that is set, with one handle.
struct SetTimer {
  explicit SetTimer(int64_t period_ns = 0) : timer(TimerChan::Make()) {
    chan.emplace(RecvChan<absl::Time>::Adopt(timer));
    timer->Reset(kBefore, period_ns);
  }

  TimerChan* const timer;
  std::optional<RecvChan<absl::Time>> chan;
};

inline void Fire() { model::FireTimers(kAnew); }

// After Stop() nothing is received, and Stop() knows that it was in time.
inline TimerProgramFn StopAgainstFire() {
  return [](model::Program& p) {
    auto& set = p.Make<SetTimer>();
    p.Thread([&] {
      Check(set.timer->Stop(), "nobody has received, but Stop() says it was too late");
      Check(set.chan->TryRecv().empty(), "received after Stop()");
    });
    p.Thread([] { Fire(); });
    p.Finally([&] {
      Fire();
      Check(set.chan->TryRecv().empty(), "received after Stop()");
    });
  };
}

// After Reset() only the new time is received, and once.
inline TimerProgramFn ResetAgainstFire() {
  return [](model::Program& p) {
    auto& set = p.Make<SetTimer>();
    auto& received = p.Make<int>(0);
    auto receive = [&set, &received] {
      auto result = set.chan->TryRecv();
      if (!result.received()) return;
      ++received;
      Check(!IsOld(*result), "an old time was received after Reset()");
    };
    p.Thread([&set, receive] {
      Check(set.timer->Reset(kAnew, 0), "nobody has received, but Reset() says it was too late");
      receive();
    });
    p.Thread([] { Fire(); });
    p.Finally([&received, receive] {
      Fire();
      receive();
      Check(received == 1, "the new time was not received once");
    });
  };
}

// Somebody waits. Who is right in saying that the old time was kept back?
inline TimerProgramFn ResetAgainstFireAndReceive() {
  return [](model::Program& p) {
    auto& set = p.Make<SetTimer>();
    auto& kept_back = p.Make<bool>(false);
    auto& old = p.Make<bool>(false);
    p.Thread([&] { old = IsOld(*set.chan->Recv()); });
    p.Thread([&] {
      kept_back = set.timer->Reset(kAnew, 0);
      Fire();
    });
    p.Thread([] { Fire(); });
    p.Finally([&] {
      Check(old != kept_back, "Reset() kept back what was received, or not what was not");
      Check(set.chan->TryRecv().received() == old, "the new time was lost or doubled");
    });
  };
}

// A ticker that is stopped while it ticks.
inline TimerProgramFn StopAgainstTicks() {
  return [](model::Program& p) {
    auto& set = p.Make<SetTimer>(kAnew);
    p.Thread([&] {
      set.timer->Stop();
      Check(set.chan->TryRecv().empty(), "received after Stop()");
    });
    p.Thread([] {
      Fire();
      model::FireTimers(2 * kAnew);
    });
    p.Finally([&] {
      model::FireTimers(3 * kAnew);
      Check(set.chan->TryRecv().empty(), "a tick after Stop()");
    });
  };
}

// The last handle goes, and with it the timer.
inline TimerProgramFn LastHandleAgainstFire() {
  return [](model::Program& p) {
    auto& set = p.Make<SetTimer>();
    p.Thread([&] { set.chan.reset(); });
    p.Thread([] { Fire(); });
  };
}

// As before, and the handle's owner has reset it: two firings are to be waited for.
inline TimerProgramFn ResetAndLastHandleAgainstFire() {
  return [](model::Program& p) {
    auto& set = p.Make<SetTimer>();
    p.Thread([&] {
      set.timer->Reset(kAnew, 0);
      set.chan.reset();
    });
    p.Thread([] { Fire(); });
    p.Thread([] { Fire(); });
  };
}

}  // namespace weft::chan_model

#endif  // WEFT_CHAN_MODEL_TIMER_PROGRAMS_H_
