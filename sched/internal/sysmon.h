// The monitor thread: what must happen although no worker enters the scheduler. It holds no
// processor and runs no fiber.
//
// Every tick it asks a fiber that has run for 10 ms to let others run, takes the processor from one
// that does not, or that is in a blocking call, has overdue timers served, and gets an idle worker
// to help where work waits behind a busy one. When all processors have been
// idle for a while it sleeps until a worker starts again: an idle process has no periodic wake-ups.
//
// Go: sysmon.
#ifndef WEFT_SCHED_INTERNAL_SYSMON_H_
#define WEFT_SCHED_INTERNAL_SYSMON_H_

#include <pthread.h>

#include <cstdint>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/futex.h"

namespace weft::sched_internal {

class Scheduler;
struct Fiber;
struct Processor;

class Sysmon {
 public:
  void Start(Scheduler* scheduler);
  void Stop();

  // By a worker that has just taken a processor from the idle list.
  void WakeIfAsleep() {
    // ORDER(sysmon.sleep): seq_cst; pairs with the store in DeepSleep(): either sysmon sees that
    // not all is idle, or we see that it sleeps.
    if (asleep_.load(std::memory_order_seq_cst) != 0) [[unlikely]]
      Wake();
  }

  // In a signal handler, after something was written that Loop() looks at. Before Start() too.
  void WakeForSignal() {
    FutexWake(stop_, 1);
    Wake();
  }

  // The monotonic clock at the last tick; for "waiting for n minutes".
  int64_t coarse_now() const { return coarse_now_.load(std::memory_order_relaxed); }  // statistic

 private:
  // What was seen of a processor at the last tick.
  struct Watch {
    uint32_t time_slice = 0;
    uint32_t blocking = 0;  // Worker::blocking
    int64_t since_ns = 0;   // when this time slice was first seen
    int64_t asked_ns = 0;   // when the fiber was asked to leave; 0: it was not
    uint32_t round = 0;
    const Fiber* next = nullptr;  // in the LIFO slot; not to be dereferenced
  };

  // Whether work waits behind a busy processor. kSinceLately: since this tick, perhaps.
  enum class Waiting { kNothing, kSinceLately, kForLong };

  static void* Main(void* self);
  void Loop();
  void Tick(int64_t now_ns);
  void CheckProcessors(int64_t now_ns);
  void CheckTimeSlice(Processor* processor, Watch& watch, int64_t now_ns);
  void RetakeFromBlocking(Processor* processor, const Watch& watch, int64_t now_ns);
  Waiting LookForWork(int64_t now_ns);
  void DecayStacks(int64_t now_ns);
  void FollowSystem(int64_t now_ns);
  void Trace(int64_t now_ns);
  void DeepSleep();
  void Wake();

  static constexpr int64_t kTimeSliceNs = 10'000'000;
  static constexpr int64_t kTickNs = 2'000'000;
  static constexpr int64_t kTickWithIdleNs = 500'000;
  // While fibers are in blocking calls, and once to see whether what waits still does.
  static constexpr int64_t kTickShortNs = 50'000;
  static constexpr int64_t kFollowTickNs = 1'000'000'000;
  static constexpr int64_t kDecayTickNs = 100'000'000;
  static constexpr int kIdleTicksBeforeSleep = 100;
  static constexpr int kMaxWatched = 1024;

  Scheduler* scheduler_ = nullptr;
  pthread_t thread_{};
  Atom<uint32_t> stop_{0};    // a futex
  Atom<uint32_t> asleep_{0};  // a futex: 1 in deep sleep
  Atom<int64_t> coarse_now_{0};
  bool blocking_seen_ = false;     // sysmon only: some fiber is in a blocking call on its processor
  bool look_again_ = false;        // sysmon only: after a short tick, once
  int64_t decay_due_ns_ = 0;       // sysmon only
  int64_t follow_due_ns_ = 0;      // sysmon only
  int64_t trace_start_ns_ = 0;     // sysmon only; 0: nothing has been traced
  int64_t trace_due_ns_ = 0;       // sysmon only
  Watch watch_[kMaxWatched] = {};  // sysmon only
};

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_SYSMON_H_
