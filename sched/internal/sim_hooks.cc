#include "weft/sched/internal/sim_hooks.h"

#include <algorithm>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/fiber.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/internal/worker.h"

namespace weft::sched_internal {
namespace {

class Worlds {
 public:
  void Add(SimHooks* world) {
    SpinLockHolder hold(lock_);
    world->bubble = ++last_;
    worlds_.push_back(world);
  }

  void Remove(SimHooks* world) {
    SpinLockHolder hold(lock_);
    worlds_.erase(std::find(worlds_.begin(), worlds_.end(), world));
  }

  // Under the lock, so that the world does not end meanwhile.
  void MakeReady(Fiber* fiber) {
    SpinLockHolder hold(lock_);
    for (SimHooks* world : worlds_) {
      if (world->bubble == fiber->bubble) return world->MakeReadyFromOutside(fiber);
    }
  }

  bool Owned(const void* object) {
    SpinLockHolder hold(lock_);
    return std::any_of(worlds_.begin(), worlds_.end(), [object](const SimHooks* world) {
      return world->adopted.count(object) != 0;
    });
  }

  void Adopt(SimHooks* world, const void* object) {
    SpinLockHolder hold(lock_);
    world->adopted.insert(object);
  }

  void Release(SimHooks* world, const void* object) {
    SpinLockHolder hold(lock_);
    world->adopted.erase(object);
  }

  static Worlds& Instance() {
    static auto* worlds = new Worlds;
    return *worlds;
  }

 private:
  SpinLock lock_;
  uint32_t last_ ABSL_GUARDED_BY(lock_) = 0;
  std::vector<SimHooks*> worlds_ ABSL_GUARDED_BY(lock_);
};

}  // namespace

SimHooks* SimOfThread() {
  const Worker* worker = CurrentWorker();
  return worker == nullptr ? nullptr : worker->sim;
}

void SimPointSlow(Op op, const void* object) {
  const Worker* worker = CurrentWorker();
  if (worker == nullptr || worker->sim == nullptr || worker->current == nullptr) return;
  worker->sim->Point(op, object);
}

SimOwner SimOwnerOf(const void* object) {
  const SimHooks* sim = SimOfThread();
  if (sim != nullptr && sim->adopted.count(object) != 0) return SimOwner::kCaller;
  return Worlds::Instance().Owned(object) ? SimOwner::kOther : SimOwner::kNobody;
}

void SimAdopt(const void* object) {
  const race::Ignore ignore;
  Worlds::Instance().Adopt(SimOfThread(), object);
}

void SimRelease(const void* object) {
  const race::Ignore ignore;
  Worlds::Instance().Release(SimOfThread(), object);
}

void SimMakeReady(Fiber* fiber) {
  SimHooks* sim = SimOfThread();
  if (sim != nullptr && sim->bubble == fiber->bubble) {
    sim->MakeReady(fiber);
  } else {
    Worlds::Instance().MakeReady(fiber);
  }
}

void SimRegister(SimHooks* world) {
  Worlds::Instance().Add(world);
  sim_worlds.fetch_add(1, std::memory_order_relaxed);  // see Sim()
}

void SimUnregister(SimHooks* world) {
  sim_worlds.fetch_sub(1, std::memory_order_relaxed);  // see Sim()
  Worlds::Instance().Remove(world);
}

}  // namespace weft::sched_internal
