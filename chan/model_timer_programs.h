// Programs of timer channels for the model explorer: a timer is stopped, reset, received from,
// selected and dropped while its time comes.
#ifndef WEFT_CHAN_MODEL_TIMER_PROGRAMS_H_
#define WEFT_CHAN_MODEL_TIMER_PROGRAMS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/chan/internal/timer_chan.h"
#include "weft/chan/model_programs.h"
#include "weft/chan/select.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/testing/model.h"
#include "weft/sched/testing/model_timer.h"
#include "weft/sched/timer.h"

namespace weft::chan_model {

namespace model = sched_internal::model;
using chan_internal::TimerChan;
using model::Check;
using TimerProgramFn = std::function<void(model::Program&)>;

// What was set before the threads start, and what is set by them. Thirty years lie between them, so
// that a time that was received says of which it is: it is the wall clock's, less how late it was
// sent.
inline constexpr int64_t kBefore = 1;
inline constexpr int64_t kAnew = 1'000'000'000'000'000'000;

inline bool IsOld(absl::Time received) {
  return received < absl::Now() - absl::Nanoseconds(kAnew / 2);
}

// A timer that is set, with one handle. In the program's own memory: selects lock by address, and a
// program must repeat itself.
struct SetTimer {
  explicit SetTimer(int64_t period_ns = 0)
      : timer(::new (static_cast<void*>(memory)) TimerChan(&End)) {
    chan.emplace(RecvChan<absl::Time>::Adopt(timer));
    timer->Reset(kBefore, period_ns);
  }

  static void End(chan_internal::ChanCore* core) {
    auto* ended = static_cast<TimerChan*>(core);
    ended->Disarm();
    std::destroy_at(ended);
  }

  alignas(TimerChan) std::byte memory[sizeof(TimerChan)];
  TimerChan* const timer;
  std::optional<RecvChan<absl::Time>> chan;
};

inline void Fire() { model::FireTimers(kAnew); }

// What is set when its time has passed already goes off as well.
inline void KeepFiring(model::Program& p, const sched_internal::Atom<bool>& until) {
  p.Thread([&until] {
    for (;;) {
      Fire();
      // ORDER(model_timer.until): acquire; pairs with the release of whoever has received.
      if (until.load(std::memory_order_acquire)) return;
      model::SpinHint();
    }
  });
}

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

// Nobody else is there: whether it waits or comes late, it receives.
inline TimerProgramFn ReceiveAgainstFire() {
  return [](model::Program& p) {
    auto& set = p.Make<SetTimer>();
    auto& received = p.Make<sched_internal::Atom<bool>>(false);
    p.Thread([&] {
      Check(IsOld(*set.chan->Recv()), "received at another time than it was due");
      // ORDER(model_timer.until): release; pairs with the acquire in KeepFiring().
      received.store(true, std::memory_order_release);
    });
    KeepFiring(p, received);
    p.Finally([&] { Check(set.chan->TryRecv().empty(), "received twice"); });
  };
}

// Two wait for the ticks, and one is enough for one. The second is at 2 kAnew.
inline TimerProgramFn TwoReceiversOfATicker() {
  return [](model::Program& p) {
    auto& set = p.Make<SetTimer>(kAnew);
    auto& both = p.Make<sched_internal::Atom<int>>(0);
    for (int i = 0; i < 2; ++i) {
      p.Thread([&] {
        Check(set.chan->Recv().has_value(), "a ticker does not close its channel");
        // ORDER(model_timer.until): release; pairs with the acquire below.
        both.fetch_add(1, std::memory_order_release);
      });
    }
    p.Thread([&] {
      for (int64_t now_ns : {kAnew, 3 * kAnew}) {
        const int enough = now_ns == kAnew ? 1 : 2;
        for (;;) {
          model::FireTimers(now_ns);
          // ORDER(model_timer.until): acquire; pairs with the release above.
          const int so_far = both.load(std::memory_order_acquire);
          Check(so_far <= enough, "more ticks were received than there were");
          if (so_far == enough) break;
          model::SpinHint();
        }
      }
    });
  };
}

// Somebody waits. Who is right in saying that the old time was kept back?
inline TimerProgramFn ResetAgainstFireAndReceive() {
  return [](model::Program& p) {
    auto& set = p.Make<SetTimer>();
    auto& kept_back = p.Make<bool>(false);
    auto& old = p.Make<bool>(false);
    auto& received = p.Make<sched_internal::Atom<bool>>(false);
    p.Thread([&] {
      old = IsOld(*set.chan->Recv());
      // ORDER(model_timer.until): release; pairs with the acquire in KeepFiring().
      received.store(true, std::memory_order_release);
    });
    p.Thread([&] { kept_back = set.timer->Reset(kAnew, 0); });
    KeepFiring(p, received);
    p.Finally([&] {
      Check(old != kept_back, "Reset() kept back what was received, or not what was not");
      Check(set.chan->TryRecv().received() == old, "the new time was lost or doubled");
    });
  };
}

// Somebody waits, perhaps with an alarm that is now too early, or too late.
inline TimerProgramFn ResetWhileSomebodyWaits(int64_t from_ns, int64_t to_ns) {
  return [from_ns, to_ns](model::Program& p) {
    auto& set = p.Make<SetTimer>();
    set.timer->Reset(from_ns, 0);
    auto& received = p.Make<sched_internal::Atom<bool>>(false);
    p.Thread([&] {
      set.chan->Recv();
      Check(MonotonicNanos() >= std::min(from_ns, to_ns), "received before it was due");
      // ORDER(model_timer.until): release; pairs with the acquire below.
      received.store(true, std::memory_order_release);
    });
    p.Thread([&, to_ns] {
      const bool kept_back = set.timer->Reset(to_ns, 0);
      for (int64_t now_ns : {std::min(from_ns, to_ns), to_ns}) {
        model::FireTimers(now_ns);
        // ORDER(model_timer.until): acquire, both; pairs with the release above.
        if (received.load(std::memory_order_acquire)) {
          Check(!kept_back || now_ns >= to_ns, "received before it was due");
        }
      }
      while (!received.load(std::memory_order_acquire)) {
        model::FireTimers(to_ns);
        model::SpinHint();
      }
    });
  };
}

// A select that waits for the time, and for an element that comes meanwhile: whichever it takes,
// the other is still there, once. `then` is what it does after that.
inline TimerProgramFn SelectAgainstFire(std::function<void(SetTimer&)> then) {
  return [then](model::Program& p) {
    auto& set = p.Make<SetTimer>();
    const Chan<Element>& chan = p.Make<FixedChan>(1).chan();
    auto& ran = p.Make<int>(-1);
    auto& selected = p.Make<sched_internal::Atom<bool>>(false);
    p.Thread([&, then] {
      ran = weft::Select(OnRecv(*set.chan), OnRecv(chan));
      // ORDER(model_timer.until): release; pairs with the acquire in KeepFiring().
      selected.store(true, std::memory_order_release);
      if (then != nullptr) then(set);
    });
    p.Thread([&] { chan.Send(Element(1)); });
    KeepFiring(p, selected);
    p.Finally([&] {
      Fire();
      Check(chan.TryRecv().received() == (ran == 0), "the element was lost or doubled");
      if (set.chan.has_value()) {
        Check(set.chan->TryRecv().received() == (ran == 1), "the time was lost or doubled");
      }
    });
  };
}

inline TimerProgramFn SelectAgainstFire() { return SelectAgainstFire(nullptr); }

// The last handle goes, and with it the timer, whose alarm the select may have left behind.
inline TimerProgramFn LastHandleAgainstFire() {
  return SelectAgainstFire([](SetTimer& set) { set.chan.reset(); });
}

// As before, and the handle's owner has stopped it: an alarm that has begun is to be waited for.
inline TimerProgramFn StopAndLastHandleAgainstFire() {
  return SelectAgainstFire([](SetTimer& set) {
    set.timer->Stop();
    set.chan.reset();
  });
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

}  // namespace weft::chan_model

#endif  // WEFT_CHAN_MODEL_TIMER_PROGRAMS_H_
