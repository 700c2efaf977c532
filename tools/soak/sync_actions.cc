#include <atomic>
#include <memory>
#include <utility>

#include "weft/context/context.h"
#include "weft/patterns/errgroup.h"
#include "weft/sched/go.h"
#include "weft/sched/park.h"
#include "weft/sync/barrier.h"
#include "weft/sync/once.h"
#include "weft/sync/waitgroup.h"
#include "weft/tools/soak/world.h"

// Locks are taken in ways that the analysis cannot follow.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace weft::soak {
namespace {

bool LockSomehow(RWMutex& lock, Dice& dice) {
  switch (dice.Below(3)) {
    case 0:
      return lock.try_lock();
    case 1:
      return lock.TryLockFor(dice.UpTo(absl::Microseconds(100)));
    default:
      lock.lock();
      return true;
  }
}

void Transfer(World& world, Dice& dice) {
  const int i = dice.Below(World::kAccounts - 1);
  World::Account& a = world.accounts[i];
  World::Account& b = world.accounts[i + 1 + dice.Below(World::kAccounts - 1 - i)];
  if (!LockSomehow(a.lock, dice)) return;
  if (LockSomehow(b.lock, dice)) {
    const int64_t amount = dice.Below(100) - 50;
    a.balance -= amount;
    if (dice.OneIn(8)) Gosched();
    b.balance += amount;
    b.lock.unlock();
  }
  a.lock.unlock();
}

void Audit(World& world, Dice& dice) {
  int64_t sum = 0;
  for (World::Account& account : world.accounts) account.lock.lock_shared();
  for (const World::Account& account : world.accounts) sum += account.balance;
  if (dice.OneIn(8)) Sleep(absl::Microseconds(10));
  for (World::Account& account : world.accounts) account.lock.unlock_shared();
  SOAK_CHECK(sum == World::kAccounts * World::kBalance);
}

void Enqueue(World& world, Dice& dice) {
  const int64_t value = dice.Below(100);
  MutexLock hold(world.queue_lock);
  if (!world.not_full.WaitFor(dice.UpTo(absl::Microseconds(300)),
                              [&] { return world.queue.size() < World::kQueue; })) {
    return;
  }
  world.queue.push_back(value);
  world.put += value;
  world.not_empty.Signal();
}

void Dequeue(World& world, Dice& dice) {
  MutexLock hold(world.queue_lock);
  if (!world.not_empty.WaitFor(dice.UpTo(absl::Microseconds(300)),
                               [&] { return !world.queue.empty(); })) {
    return;
  }
  world.got += world.queue.front();
  world.queue.pop_front();
  if (dice.OneIn(4)) {
    world.not_full.Broadcast();
  } else {
    world.not_full.Signal();
  }
}

void Permit(World& world, Dice& dice) {
  const int n = 1 + dice.Below(World::kPermits);
  const auto [context, cancel] = WithTimeout(Background(), dice.UpTo(absl::Microseconds(400)));
  if (world.permits.Acquire(context, n).ok()) {
    SOAK_CHECK(world.inside.fetch_add(n) + n <= World::kPermits);
    if (dice.OneIn(2)) Gosched();
    world.inside -= n;
    world.permits.Release(n);
  }
  cancel();
}

void Raise(World& world, Dice& dice) {
  const int key = dice.Below(World::kKeys);
  const auto [count, loaded] = world.counts.LoadOrStore(key, 0);
  if (world.counts.CompareAndSwap(key, count, count + 1)) ++world.raised[key];
  SOAK_CHECK(loaded || count == 0);
}

void Use(World& world, Dice& dice) {
  std::unique_ptr<World::Tool> tool = world.tools.Get();
  SOAK_CHECK(!std::exchange(tool->in_use, true));
  if (dice.OneIn(2)) Gosched();
  tool->in_use = false;
  world.tools.Put(std::move(tool));
}

void Fly(World& world, Dice& dice) {
  const int key = dice.Below(3);
  const auto result = world.flights.Do(key, [key, &dice] {
    Sleep(dice.UpTo(absl::Microseconds(50)));
    return key;
  });
  SOAK_CHECK(result.value.ok() && *result.value == key);
  if (dice.OneIn(8)) world.flights.Forget(key);
}

void OnlyOnce(World&, Dice& dice) {
  Once once;
  std::atomic<int> runs{0};
  WaitGroup callers;
  for (int i = dice.Below(4); i >= 0; --i) {
    callers.Go([&] {
      once.Do([&] {
        Gosched();
        ++runs;
      });
      SOAK_CHECK(runs == 1);
    });
  }
  callers.Wait();
}

void Rounds(World&, Dice& dice) {
  const int parties = 2 + dice.Below(3);
  Barrier barrier(parties);
  std::atomic<int> arrivals{0};
  WaitGroup members;
  for (int i = 0; i < parties; ++i) {
    members.Go([&] {
      for (int round = 1; round <= 3; ++round) {
        ++arrivals;
        SOAK_CHECK(barrier.ArriveAndWait().ok());
        SOAK_CHECK(arrivals >= round * parties);
      }
    });
  }
  members.Wait();
}

void Group(World&, Dice& dice) {
  const auto [context, cancel] = WithTimeout(Background(), dice.UpTo(absl::Milliseconds(1)));
  ErrGroup group(context);
  group.SetLimit(2);
  std::atomic<int> done{0};
  const int n = 1 + dice.Below(6);
  const int bad = dice.Below(12);
  for (int i = 0; i < n; ++i) {
    group.Go([&done, i, bad] {
      Gosched();
      ++done;
      return i == bad ? absl::AbortedError("soak") : absl::OkStatus();
    });
  }
  SOAK_CHECK(group.Wait().ok() == (bad >= n));
  SOAK_CHECK(done == n);
  cancel();
}

}  // namespace

const std::vector<Action>& SyncActions() {
  static const auto& actions = *new std::vector<Action>{
      {"transfer", 20, &Transfer}, {"audit", 6, &Audit},   {"enqueue", 10, &Enqueue},
      {"dequeue", 10, &Dequeue},   {"permit", 8, &Permit}, {"raise", 10, &Raise},
      {"use", 10, &Use},           {"fly", 6, &Fly},       {"once", 2, &OnlyOnce},
      {"rounds", 2, &Rounds},      {"group", 3, &Group},
  };
  return actions;
}

}  // namespace weft::soak
