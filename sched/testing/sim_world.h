// One run of a program in a simulated world: its fibers, its clock, and its end.
//
// The world is a worker on the calling thread. Whatever the scheduler would decide, by its queues,
// by stealing or by the moment at which it takes the processor, comes down to which runnable fiber
// goes on after each step; so the world keeps one list of who is ready, and a Strategy picks.
#ifndef WEFT_SCHED_TESTING_SIM_WORLD_H_
#define WEFT_SCHED_TESTING_SIM_WORLD_H_

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/internal/worker.h"
#include "weft/sched/testing/sim_schedule.h"
#include "weft/sched/testing/sim_strategy.h"

namespace weft::sim_internal {

using sched_internal::After;
using sched_internal::Fiber;
using sched_internal::Op;

struct WorldOptions {
  int64_t max_points = 1'000'000;
  // What the fibers that the first one leaves behind may take, in virtual time.
  absl::Duration drain = absl::Minutes(1);
  // Whether some of them may be left for good.
  bool may_leave_fibers = false;
  // The rules of a synctest bubble: time stands still while a fiber is blocked otherwise than
  // durably, and when the first fiber has ended; other threads may wake fibers of the world.
  bool bubble_rules = false;
  // How long, in real time, such a fiber may keep the others waiting.
  absl::Duration patience = absl::Seconds(10);
  // Stacks in the report.
  bool stacks = false;
  // The story. Every step then costs a walk of the stack.
  bool verbose = false;
};

// Leaves a timer callback whose world has ended.
struct WorldEnded {};

// Something that happened, for the story.
struct Event {
  enum class Kind : uint8_t { kOp, kPark, kEnd, kDraw, kTime, kFailure };

  Kind kind;
  bool preempted = false;  // kOp: the fiber could have gone on, and did not
  Op op = Op::kOther;
  WaitReason reason = WaitReason::kNone;
  uint32_t fiber = 0;
  uint32_t object = 0;  // of kOp, from 1; 0: none. Of kDraw: the number
  int64_t now_ns = 0;   // since the start
  std::string where;    // the user's function
};

class World final : public sched_internal::SimHooks {
 public:
  // The virtual clocks at the start. The monotonic one is not at zero, which some take for "never".
  static constexpr int64_t kStartNanos = 1'000'000'000'000;
  static constexpr int64_t kStartUnixSeconds = 946'684'800;  // 2000-01-01 00:00:00 UTC

  World(Strategy* strategy, const WorldOptions& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Runs fn() and the fibers that it starts, to the end of them all or to the first failure. Once.
  // On a plain thread that is in no world.
  void Execute(const std::function<void()>& fn);

  // --- Afterwards. ---

  bool failed() const { return failed_; }
  // What went wrong, in one line; and all that is known of it.
  const std::string& failure() const { return failure_; }
  const std::string& report() const { return report_; }
  const sim::Schedule& schedule() const { return deviations_; }
  const std::string& trace() const { return trace_; }
  uint64_t trace_hash() const { return hash_; }
  int64_t points() const { return points_; }
  const std::vector<Event>& events() const { return events_; }
  const std::string& FiberName(uint32_t fiber) const { return names_[fiber]; }

  // --- For fibers of the world. ---

  // The world of the caller; null: none.
  static World* Current() { return static_cast<World*>(sched_internal::Sim()); }

  uint32_t Draw(uint32_t n, ChoiceKind kind);
  [[noreturn]] void Fail(std::string_view text);
  // Until all other fibers wait, durably by the rules of a bubble.
  void WaitForOthers();
  bool in_bubble() const { return options_.bubble_rules; }
  // Scheduling points are left out while this is not 0.
  int& quiet() { return quiet_; }

  // --- SimHooks. ---

  void MakeReady(Fiber* fiber) override;
  Fiber* PickNext(Fiber* self, After* after) override;
  Fiber* FindRunnable() override;
  void Point(Op op, const void* object) override;
  void Touch(const void* object, bool inside) override;
  uint32_t Choose(uint32_t n) override { return n < 2 ? 0 : Draw(n, ChoiceKind::kOrder); }
  bool SpuriousFailure() override { return Draw(2, ChoiceKind::kSpurious) != 0; }
  bool Fault() override { return Draw(2, ChoiceKind::kFault) != 0; }
  [[noreturn]] void Die(sched_internal::SimDeath how, std::string_view text) override;
  int LiveFibers() const override { return static_cast<int>(live_); }
  void MakeReadyFromOutside(Fiber* fiber) override;

 private:
  struct Member {
    Fiber* fiber = nullptr;  // null: ended
    uint32_t places = 0;     // choices that were met after it ran
    bool durable = true;     // of its last park
  };

  static uint32_t IdOf(const Fiber* fiber) {
    return fiber == nullptr ? 0 : static_cast<uint32_t>(fiber->id);
  }

  void Join(Fiber* fiber);
  void Leave(Fiber* fiber);
  Fiber* Take(size_t index);
  // An index into ready_, or -1 for `current`.
  int Pick(uint32_t after_fiber, Fiber* current, bool yields = false);
  void Note(uint32_t fiber, uint8_t code);
  void NoteByte(uint8_t byte);
  void Tell(Event::Kind kind, const Fiber* fiber, Op op, uint32_t object);
  // Whether another fiber is to run, which is in forced_ then.
  bool Preempts(Fiber* self, Op op, const void* object);
  // Not while a race::Ignore is in force: the caller may never return.
  void CountPoint();
  void EndOperation(const Fiber* self, Op op, const void* object);
  void EndStep(const Fiber* fiber);
  void AddOperation(Op op, const void* object);
  void AddAccess(const void* object, bool writes);
  uint32_t NumberOf(const void* object);

  // With nobody ready.
  bool AdvanceTime();
  bool WakeWaiter();
  bool AllDurable() const;
  bool AwaitOutside();
  void TakeInbox();
  void ReportAsleep();
  void NoteTime();
  [[noreturn]] void LeaveForEver();
  void Report(std::string_view heading);
  void Abandon();

  Strategy* const strategy_;
  const WorldOptions options_;
  const bool wants_steps_;
  sched_internal::Worker worker_;

  std::vector<Fiber*> ready_;        // in the order of becoming ready
  std::vector<uint32_t> ready_ids_;  // the same, for the strategy
  std::vector<Member> members_;      // by id; 0 is nobody
  std::vector<std::string> names_;   // by id
  size_t live_ = 0;
  Fiber* forced_ = nullptr;  // chosen by Point()
  Fiber* waiter_ = nullptr;  // in WaitForOthers()
  int quiet_ = 0;
  bool ended_ = false;       // no fiber is to run any more
  int64_t drain_until_ = 0;  // set when the first fiber ends

  // The step under way.
  Footprint step_;
  bool step_outside_ = false;  // it touched what does not belong to the world
  std::unordered_map<const void*, uint32_t> numbers_;

  bool failed_ = false;
  std::string failure_;
  std::string report_;
  sim::Schedule deviations_;
  std::string trace_;
  uint64_t hash_ = 0xcbf29ce484222325;
  int64_t points_ = 0;
  std::vector<Event> events_;

  // Fibers that other threads have readied.
  sched_internal::SpinLock inbox_lock_;
  std::vector<Fiber*> inbox_ ABSL_GUARDED_BY(inbox_lock_);
  sched_internal::Atom<uint32_t> inbox_size_{0};  // a futex
};

}  // namespace weft::sim_internal

#endif  // WEFT_SCHED_TESTING_SIM_WORLD_H_
