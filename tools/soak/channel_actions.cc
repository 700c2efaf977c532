#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "weft/chan/select.h"
#include "weft/chan/time.h"
#include "weft/context/context.h"
#include "weft/sched/go.h"
#include "weft/sched/park.h"
#include "weft/sched/timer.h"
#include "weft/sync/waitgroup.h"
#include "weft/tools/soak/world.h"

namespace weft::soak {
namespace {

using Token = World::Token;

Chan<Token>& AnyRoad(World& world, Dice& dice) {
  return world.roads[static_cast<size_t>(dice.Below(static_cast<int>(world.roads.size())))];
}

// From a road, in one of the ways to receive.
Token Take(World& world, Dice& dice) {
  std::optional<Token> token;
  switch (dice.Below(4)) {
    case 0:
      if (auto got = AnyRoad(world, dice).TryRecv()) return *std::move(got);
      break;
    case 1: {
      Select(OnRecv(AnyRoad(world, dice), &token), OnRecv(AnyRoad(world, dice), &token),
             OnRecv(After(dice.UpTo(absl::Microseconds(200)))));
      break;
    }
    case 2: {
      const auto [context, cancel] = WithTimeout(Background(), dice.UpTo(absl::Microseconds(200)));
      Select(OnRecv(AnyRoad(world, dice), &token), OnRecv(AnyRoad(world, dice), &token),
             OnRecv(AnyRoad(world, dice), &token), OnDone(context));
      cancel();
      break;
    }
    default:
      Select(OnRecv(AnyRoad(world, dice), &token), OnRecv(AnyRoad(world, dice), &token),
             OnDefault());
  }
  if (token) return *std::move(token);
  MutexLock hold(world.vault_lock);
  if (world.vault.empty()) return nullptr;
  Token last = std::move(world.vault.back());
  world.vault.pop_back();
  return last;
}

// To a road, in one of the ways to send; if none takes it, to the vault.
void Give(World& world, Dice& dice, Token token) {
  bool given = false;
  switch (dice.Below(3)) {
    case 0:
      given = AnyRoad(world, dice).TrySend(std::move(token));
      break;
    case 1:
      given = Select(OnSend(AnyRoad(world, dice), std::move(token)),
                     OnRecv(After(dice.UpTo(absl::Microseconds(200))))) == 0;
      break;
    default:
      given = Select(OnSend(AnyRoad(world, dice), std::move(token)), OnDefault()) == 0;
  }
  SOAK_CHECK(given == (token == nullptr));
  if (given) return;
  MutexLock hold(world.vault_lock);
  world.vault.push_back(std::move(token));
}

void Carry(World& world, Dice& dice) {
  Token token = Take(world, dice);
  if (token == nullptr) return;
  if (dice.OneIn(4)) Gosched();
  Give(world, dice, std::move(token));
}

// Receives from a road, or sends on another what it has, whichever is possible: both directions in
// one select, on one channel perhaps.
void Swap(World& world, Dice& dice) {
  Token mine = Take(world, dice);
  if (mine == nullptr) return;
  std::optional<Token> other;
  Select(OnRecv(AnyRoad(world, dice), &other), OnSend(AnyRoad(world, dice), std::move(mine)),
         OnRecv(After(dice.UpTo(absl::Microseconds(300)))));
  if (other) Give(world, dice, *std::move(other));
  if (mine != nullptr) Give(world, dice, std::move(mine));
}

// A channel of its own, closed by the sender, that several receive from.
void Stream(World&, Dice& dice) {
  const int n = 1 + dice.Below(40);
  const auto channel = MakeChan<int>(static_cast<size_t>(dice.Below(4)));
  std::atomic<int64_t> sum{0};
  WaitGroup receivers;
  for (int i = dice.Below(3); i >= 0; --i) {
    receivers.Go([&] {
      for (const int value : channel) sum += value;
    });
  }
  for (int i = 1; i <= n; ++i) channel.Send(i);
  channel.Close();
  receivers.Wait();
  SOAK_CHECK(sum == n * (n + 1) / 2);
}

// A timer's function runs, or Stop() says that it will not.
void StopATimer(World&, Dice& dice) {
  auto ran = MakeChan<Empty>(1);
  const Timer timer = AfterFunc(dice.UpTo(absl::Microseconds(100)), [ran] { ran.Send({}); });
  if (dice.OneIn(2)) Sleep(dice.UpTo(absl::Microseconds(100)));
  if (dice.OneIn(3)) {
    // It may run twice: once for each time that it was armed.
    if (!timer.Reset(dice.UpTo(absl::Microseconds(100)))) ran.Recv();
  }
  if (timer.Stop()) {
    SOAK_CHECK(!ran.TryRecv());
  } else {
    ran.Recv();
  }
}

// No tick comes too early.
void Ticks(World&, Dice& dice) {
  int64_t begin = MonotonicNanos();
  int64_t interval = 20'000 + dice.Below(100'000);
  const Ticker ticker(absl::Nanoseconds(interval));
  for (int i = dice.Below(4); i >= 0; --i) {
    ticker.C().Recv();
    SOAK_CHECK(MonotonicNanos() >= begin + interval);
    if (dice.OneIn(2)) {
      begin = MonotonicNanos();
      interval = 20'000 + dice.Below(100'000);
      ticker.Reset(absl::Nanoseconds(interval));
    }
  }
  ticker.Stop();
}

// Who waits for a context is let go when it or one above it ends.
void Contexts(World&, Dice& dice) {
  const auto [root, cancel_root] = WithTimeout(Background(), dice.UpTo(absl::Milliseconds(1)));
  const auto [middle, cancel_middle] = WithCancelCause(root);
  const auto [leaf, cancel_leaf] = WithTimeout(middle, dice.UpTo(absl::Milliseconds(1)));
  std::atomic<int> called{0};
  const StopFunc stop = AfterFunc(middle, [&called] { ++called; });
  WaitGroup waiters;
  for (const Context& context : {root, middle, leaf, leaf}) {
    waiters.Go([context = context] {
      context.Done().Recv();
      SOAK_CHECK(!context.Err().ok());
    });
  }
  switch (dice.Below(4)) {
    case 0:
      cancel_root();
      break;
    case 1:
      cancel_middle(absl::AbortedError("soak"));
      break;
    case 2:
      cancel_leaf();
      break;
    default:
      break;
  }
  waiters.Wait();
  SOAK_CHECK(!leaf.Err().ok());
  cancel_leaf();
  cancel_root();
  // Its function runs in a fiber of its own, or never.
  if (!stop()) {
    while (called.load() == 0) Gosched();
  }
  SOAK_CHECK(!Cause(middle).ok());
}

}  // namespace

const std::vector<Action>& ChannelActions() {
  static const auto& actions = *new std::vector<Action>{
      {"carry", 40, &Carry},    {"swap", 20, &Swap},  {"stream", 4, &Stream},
      {"stop", 6, &StopATimer}, {"ticks", 2, &Ticks}, {"contexts", 4, &Contexts},
  };
  return actions;
}

}  // namespace weft::soak
