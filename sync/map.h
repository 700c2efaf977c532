// map.h: a hash map that many may use at the same time, and whose readers wait for nobody.
//
// Go: sync.Map, with all its methods, typed.
//
// Thread safety: all methods, from fibers and threads alike. Range()'s function may call any method
//   of the map.
// Blocks: Load() nothing. The others: while another changes, or Range() copies, the same shard.
// Ordering: whatever changes a key synchronizes with every operation that sees the change.
// Lifetime: replaced and removed keys and values are destroyed some time later, on any thread;
//   those that are there at the end, with the map. Keys and values must be copyable where a method
//   returns or Range() passes them.
// Misuse: a hash or an equality, of keys or of values, that uses the same map for the key that it
//   is called for deadlocks.
// Cost: Load() of a key that is there about 10 ns in cache, two atomic adds on memory of the
//   caller's processor, no shared write. Store() one allocation of the key and the value. Empty:
//   512 bytes per processor.
//
// Range() visits no key twice. It copies one shard at a time, so a key may be passed that has been
// removed meanwhile.
//
//   weft::Map<std::string, Session> sessions;
//   sessions.Store(id, session);
//   if (std::optional<Session> s = sessions.Load(id)) Use(*s);
#ifndef WEFT_SYNC_MAP_H_
#define WEFT_SYNC_MAP_H_

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sync/internal/map_shard.h"
#include "weft/sync/internal/reclaim.h"
#include "weft/sync/internal/stripe.h"
#include "weft/sync/mutex.h"

namespace weft {

template <typename K, typename V, typename Hash = std::hash<K>, typename Equal = std::equal_to<K>>
class Map {
 public:
  Map() = default;
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;

  std::optional<V> Load(const K& key) const {
    const uint64_t hash = HashOf(key);
    std::optional<V> value = Find(key, hash);
    HasRead(hash);
    return value;
  }

  void Store(K key, V value) {
    Change change(this, key);
    change.Put(std::move(key), std::move(value));
  }

  // Returns the value that is there and true, or stores `value` and returns it and false.
  std::pair<V, bool> LoadOrStore(K key, V value) {
    const uint64_t hash = HashOf(key);
    if (std::optional<V> there = Find(key, hash)) {
      HasRead(hash);
      return {*std::move(there), true};
    }
    Change change(this, key);
    if (change.found != nullptr) return {change.found->value, true};
    V stored = value;
    change.Put(std::move(key), std::move(value));
    return {std::move(stored), false};
  }

  // Removes the key and returns its value, or nothing if it was not there.
  std::optional<V> LoadAndDelete(const K& key) {
    if (!Contains(key)) return std::nullopt;
    Change change(this, key);
    std::optional<V> value = ValueOf(change.found);
    if (change.found != nullptr) change.Remove();
    return value;
  }

  void Delete(const K& key) {
    if (!Contains(key)) return;
    Change change(this, key);
    if (change.found != nullptr) change.Remove();
  }

  // Stores `value` and returns what was there before, if anything.
  std::optional<V> Swap(K key, V value) {
    Change change(this, key);
    std::optional<V> before = ValueOf(change.found);
    change.Put(std::move(key), std::move(value));
    return before;
  }

  // Stores `desired` and returns true if the key is there and its value equals `expected`.
  bool CompareAndSwap(K key, const V& expected, V desired) requires std::equality_comparable<V> {
    if (!Contains(key, Equals(expected))) return false;
    Change change(this, key);
    if (change.found == nullptr || !(change.found->value == expected)) return false;
    change.Put(std::move(key), std::move(desired));
    return true;
  }

  // Removes the key and returns true if it is there and its value equals `expected`.
  bool CompareAndDelete(const K& key, const V& expected) requires std::equality_comparable<V> {
    if (!Contains(key, Equals(expected))) return false;
    Change change(this, key);
    if (change.found == nullptr || !(change.found->value == expected)) return false;
    change.Remove();
    return true;
  }

  // Calls visit(key, value) for every key until it returns false.
  template <typename Visit>
  void Range(Visit visit) const {
    for (uint32_t i = 0; i <= shard_mask_; ++i) {
      for (const auto& [key, value] : Snapshot(shards_[i])) {
        if (!visit(key, value)) return;
      }
    }
  }

  // Removes all keys.
  void Clear() {
    for (uint32_t i = 0; i <= shard_mask_; ++i) {
      MutexLock lock(shards_[i].mutex);
      shards_[i].index.Clear();
    }
  }

 private:
  struct Entry : sync_internal::MapEntry {
    Entry(uint64_t hash, K k, V v)
        : MapEntry(hash, [](sync_internal::Retired* self) { delete static_cast<Entry*>(self); }),
          key(std::move(k)),
          value(std::move(v)) {}
    const K key;
    const V value;
  };

  struct alignas(sched_internal::kCacheLinePair) Shard {
    sync_internal::MapIndex index;  // changed under the mutex
    mutable Mutex mutex;
  };

  // A change of one key, with its shard locked.
  struct Change {
    Change(Map* map, const K& key)
        : hash(map->HashOf(key)),
          shard(map->ShardOf(hash)),
          lock(shard.mutex),
          slot(shard.index.FindSlot(hash, map->SameKey(key))),
          found(static_cast<const Entry*>(shard.index.At(slot))) {}

    void Put(K key, V value) {
      shard.index.Put(slot, new Entry(hash, std::move(key), std::move(value)));
    }
    void Remove() { shard.index.Remove(slot); }

    const uint64_t hash;
    Shard& shard;
    MutexLock lock;
    const sync_internal::MapIndex::Slot slot;
    const Entry* const found;
  };

  // Spreads what std::hash leaves in the low bits over all of them.
  uint64_t HashOf(const K& key) const {
    const __uint128_t product =
        static_cast<__uint128_t>(Hash{}(key) ^ 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  // The index uses the low bits.
  Shard& ShardOf(uint64_t hash) const { return shards_[(hash >> 48) & shard_mask_]; }

  auto SameKey(const K& key) const {
    return [&key](const sync_internal::MapEntry* entry) {
      return Equal{}(static_cast<const Entry*>(entry)->key, key);
    };
  }

  static std::optional<V> ValueOf(const sync_internal::MapEntry* entry) {
    if (entry == nullptr) return std::nullopt;
    return static_cast<const Entry*>(entry)->value;
  }

  std::optional<V> Find(const K& key, uint64_t hash) const {
    sync_internal::ReadSection section;
    return ValueOf(ShardOf(hash).index.Find(hash, SameKey(key)));
  }

  // Whether the key is there, with a value that `accepts` takes. If not, that ends an operation
  // that would have changed it: before it has locked anything.
  template <typename Accepts>
  bool Contains(const K& key, Accepts accepts) const {
    const uint64_t hash = HashOf(key);
    {
      sync_internal::ReadSection section;
      const sync_internal::MapEntry* const entry = ShardOf(hash).index.Find(hash, SameKey(key));
      if (entry != nullptr && accepts(static_cast<const Entry*>(entry)->value)) return true;
    }
    HasRead(hash);
    return false;
  }

  bool Contains(const K& key) const {
    return Contains(key, [](const V&) { return true; });
  }

  static auto Equals(const V& expected) {
    return [&expected](const V& value) { return value == expected; };
  }

  // A simulation may let others run. Changes touch the same object.
  void HasRead(uint64_t hash) const {
    sched_internal::SimPoint(sched_internal::Op::kLoad, &ShardOf(hash).mutex);
  }

  // Under the lock, so that a key that moves within the shard is not seen twice.
  static std::vector<std::pair<K, V>> Snapshot(const Shard& shard) {
    std::vector<std::pair<K, V>> pairs;
    MutexLock lock(shard.mutex);
    pairs.reserve(shard.index.size());
    shard.index.ForEach([&](const sync_internal::MapEntry* entry) {
      const auto* const typed = static_cast<const Entry*>(entry);
      pairs.emplace_back(typed->key, typed->value);
    });
    return pairs;
  }

  const uint32_t shard_mask_ = 4 * sync_internal::StripeCount() - 1;
  const std::unique_ptr<Shard[]> shards_ = std::make_unique<Shard[]>(shard_mask_ + 1);
};

}  // namespace weft

#endif  // WEFT_SYNC_MAP_H_
