#include "weft/tools/soak/world.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "weft/sched/panic.h"

namespace weft::soak {

void Broken(std::string_view what, int line) {
  Fatal(absl::StrCat("soak: not so, in line ", line, ": ", std::string(what)));
}

World::World() {
  for (const size_t capacity : {0, 0, 1, 2, 3, 16}) roads.push_back(MakeChan<Token>(capacity));
  MutexLock hold(vault_lock);
  for (int i = 0; i < kTokens; ++i) vault.push_back(std::make_unique<int>(i));
}

void CheckAtEnd(World& world) {
  std::vector<int> seen(World::kTokens, 0);
  for (Chan<World::Token>& road : world.roads) {
    while (auto token = road.TryRecv()) ++seen[static_cast<size_t>(**token)];
  }
  {
    MutexLock hold(world.vault_lock);
    for (const World::Token& token : world.vault) ++seen[static_cast<size_t>(*token)];
  }
  for (const int times : seen) SOAK_CHECK(times == 1);

  int64_t sum = 0;
  for (const World::Account& account : world.accounts) sum += account.balance;
  SOAK_CHECK(sum == World::kAccounts * World::kBalance);

  MutexLock hold(world.queue_lock);
  int64_t left = 0;
  for (const int64_t value : world.queue) left += value;
  SOAK_CHECK(world.put == world.got + left);

  SOAK_CHECK(world.inside == 0);
  SOAK_CHECK(world.permits.TryAcquire(World::kPermits));
  world.permits.Release(World::kPermits);

  for (int key = 0; key < World::kKeys; ++key) {
    SOAK_CHECK(world.counts.Load(key).value_or(0) == world.raised[key]);
  }
}

}  // namespace weft::soak
