// What the actors of the soak test share, and what must be true of it however they are scheduled.
#ifndef WEFT_TOOLS_SOAK_WORLD_H_
#define WEFT_TOOLS_SOAK_WORLD_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "weft/chan/chan.h"
#include "weft/patterns/singleflight.h"
#include "weft/sync/cond.h"
#include "weft/sync/map.h"
#include "weft/sync/mutex.h"
#include "weft/sync/pool.h"
#include "weft/sync/rwmutex.h"
#include "weft/sync/semaphore.h"

namespace weft::soak {

// One for each actor.
class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}

  // One of 0 to n - 1.
  int Below(int n) { return static_cast<int>(engine_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }
  absl::Duration UpTo(absl::Duration most) { return most * Below(1000) / 1000; }

 private:
  std::mt19937_64 engine_;
};

// Ends the process: what must hold does not.
[[noreturn]] void Broken(std::string_view what, int line);
#define SOAK_CHECK(condition) \
  ((condition) ? void() : ::weft::soak::Broken(#condition, __LINE__))

struct World {
  World();

  // Each token is in one place at any time: a channel, a vault, or somebody's hands.
  static constexpr int kTokens = 60;
  using Token = std::unique_ptr<int>;
  std::vector<Chan<Token>> roads;
  Mutex vault_lock;
  std::vector<Token> vault ABSL_GUARDED_BY(vault_lock);

  // The sum of the balances never changes.
  static constexpr int kAccounts = 6;
  static constexpr int64_t kBalance = 1000;
  struct Account {
    RWMutex lock;
    int64_t balance = kBalance;  // guarded by `lock`, of two accounts at once in ascending order
  };
  Account accounts[kAccounts];

  // A bounded queue: what was put and not got is in it.
  static constexpr size_t kQueue = 4;
  Mutex queue_lock;
  Cond not_empty{queue_lock};
  Cond not_full{queue_lock};
  std::deque<int64_t> queue ABSL_GUARDED_BY(queue_lock);
  std::atomic<int64_t> put{0};
  std::atomic<int64_t> got{0};

  static constexpr int kPermits = 3;
  Semaphore permits{kPermits};
  std::atomic<int> inside{0};

  // counts[key] is how often somebody raised it.
  static constexpr int kKeys = 8;
  Map<int, int64_t> counts;
  std::atomic<int64_t> raised[kKeys] = {};

  // Nobody has an object that another has.
  struct Tool {
    bool in_use = false;
  };
  Pool<std::unique_ptr<Tool>> tools{[] { return std::make_unique<Tool>(); }};

  SingleFlight<int, int> flights;
};

// One step of an actor, from start to end: whatever it starts has ended when it returns, except
// where it says so.
struct Action {
  const char* name;
  int weight;
  void (*step)(World&, Dice&);
};

// They also run on plain threads.
const std::vector<Action>& ChannelActions();
const std::vector<Action>& SyncActions();
// These in fibers only.
const std::vector<Action>& FiberActions();

// Whether nothing was lost or doubled. Everybody has ended.
void CheckAtEnd(World& world);

}  // namespace weft::soak

#endif  // WEFT_TOOLS_SOAK_WORLD_H_
