// Where the scheduler asks a simulation (../testing/sim_world.h) instead of choosing by itself.
//
// A simulated world is a worker, on one thread, that belongs to no scheduler queue: its fibers are
// made ready, chosen, timed and ended by the SimHooks that hang from it. In production there is no
// world, and Sim() is one load of a word that nobody writes.
#ifndef WEFT_SCHED_INTERNAL_SIM_HOOKS_H_
#define WEFT_SCHED_INTERNAL_SIM_HOOKS_H_

#include <cstdint>
#include <string_view>
#include <unordered_set>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/safepoint.h"

namespace weft {
class SchedTimer;
}  // namespace weft

namespace weft::sched_internal {

struct Fiber;
enum class After : uint8_t;

// How the simulated program ended before its time.
enum class SimDeath : uint8_t { kPanic, kFatal };

class SimHooks {
 public:
  // --- On the world's thread. ---

  // `fiber` may be chosen from now on.
  virtual void MakeReady(Fiber* fiber) = 0;
  // Who runs when `self` is left. Null: the world's loop must look. `self`: it goes on. May change
  // `after` to say that the world keeps `self` itself.
  virtual Fiber* PickNext(Fiber* self, After* after) = 0;
  // The same on the loop's own stack. Null: the world has ended.
  virtual Fiber* FindRunnable() = 0;
  // The current fiber has done `op` to `object`, and others may run before it does more.
  virtual void Point(Op op, const void* object) = 0;
  // The current step depends on `object`, before it is known whether it parks. Not `inside`:
  // somebody who is not in the world may end the wait.
  virtual void Touch(const void* object, bool inside) = 0;
  // A number below `n`, which is at least 1.
  virtual uint32_t Choose(uint32_t n) = 0;
  // Whether a Try-form that would succeed is to fail.
  virtual bool SpuriousFailure() = 0;
  // Whether a fault is to be injected.
  virtual bool Fault() = 0;
  // Instead of the end of the process.
  [[noreturn]] virtual void Die(SimDeath how, std::string_view text) = 0;
  virtual int LiveFibers() const = 0;

  // --- From another thread. ---

  virtual void MakeReadyFromOutside(Fiber* fiber) = 0;

  int64_t now_ns = 0;       // of the virtual monotonic clock
  int64_t wall_offset = 0;  // what the virtual Unix time, in ns, is ahead of it
  uint32_t bubble = 0;      // the world's number; never 0
  // To the race detector: what has run in the world happens before what runs next.
  bool orders_fibers = true;
  // What SimAdopt() has given to the world. Changed by its thread under the lock of all worlds.
  std::unordered_set<const void*> adopted;

 protected:
  ~SimHooks() = default;
};

// Whose an object is that belongs to the world that used it first.
enum class SimOwner : uint8_t {
  kNobody,  // or a world that has ended
  kCaller,
  kOther,
};

#if defined(WEFT_MODEL)

inline constexpr SimHooks* Sim() { return nullptr; }
inline constexpr uint32_t SimBubble() { return 0; }
inline constexpr bool SimSpuriousFailure() { return false; }
inline void SimTouch(const void*, bool = true) {}
inline void SimPoint(Op, const void*) {}
inline constexpr SimOwner SimOwnerOf(const void*) { return SimOwner::kNobody; }
inline void SimAdopt(const void*) {}
inline void SimRelease(const void*) {}

#else

// Worlds that exist now. Relaxed: a thread that is in a world has written it.
inline constinit Atom<uint32_t> sim_worlds{0};

// The world of the calling thread, looked up.
SimHooks* SimOfThread();

// The world that the caller is in; null: none.
inline SimHooks* Sim() {
  if (sim_worlds.load(std::memory_order_relaxed) == 0) [[likely]] return nullptr;
  return SimOfThread();
}

// Its number; 0: none. What is made in a world is marked with it.
inline uint32_t SimBubble() {
  const SimHooks* sim = Sim();
  return sim == nullptr ? 0 : sim->bubble;
}

inline bool SimSpuriousFailure() {
  SimHooks* sim = Sim();
  return sim != nullptr && sim->SpuriousFailure();
}

// See SimHooks::Touch().
inline void SimTouch(const void* object, bool inside = true) {
  if (SimHooks* sim = Sim()) sim->Touch(object, inside);
}

void SimPointSlow(Op op, const void* object);

// A SafePoint() for simulation alone: for operations after which it does not do to be preempted,
// such as taking a lock, and for those that are too cheap to be worth it.
inline void SimPoint(Op op, const void* object) {
  if (sim_worlds.load(std::memory_order_relaxed) != 0) [[unlikely]] SimPointSlow(op, object);
}

// Nobody tells when an object dies that a world has adopted; another may be made at its address. So
// the answer counts only for objects that bear a mark of having been adopted.
SimOwner SimOwnerOf(const void* object);
// By fibers and timer callbacks of a world.
void SimAdopt(const void* object);
void SimRelease(const void* object);

// Has the world of `fiber`, which is not 0, continue it. Callable from anywhere.
void SimMakeReady(Fiber* fiber);

// Numbers a world from now on, and no longer.
void SimRegister(SimHooks* world);
void SimUnregister(SimHooks* world);

#endif

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_SIM_HOOKS_H_
