// map_shard.h: an open-addressing index of entries that readers search while one writer changes it.
//
// Thread safety: Find() from anywhere within a ReadSection; all else by one at a time.
// Blocks: nothing.
// Ordering: Put() and Remove() synchronize with the Find() that sees them.
// Cost: a search is one probe sequence over a table of pointers, at most three quarters full.
#ifndef WEFT_SYNC_INTERNAL_MAP_SHARD_H_
#define WEFT_SYNC_INTERNAL_MAP_SHARD_H_

#include <cstddef>
#include <cstdint>

#include "weft/sched/internal/atomic.h"
#include "weft/sync/internal/reclaim.h"

namespace weft::sync_internal {

// What the index holds; the key and the value are the derived type's. Immutable once it is in.
struct MapEntry : Retired {
  MapEntry(uint64_t hash, void (*destroy)(Retired*)) : hash(hash) { this->destroy = destroy; }
  const uint64_t hash;
};

class MapIndex {
 public:
  using Slot = size_t;

  MapIndex() = default;
  MapIndex(const MapIndex&) = delete;
  MapIndex& operator=(const MapIndex&) = delete;
  // Nobody reads any more. Destroys all entries.
  ~MapIndex();

  // Null if there is none. Valid while the caller's section lasts.
  template <typename Same>
  const MapEntry* Find(uint64_t hash, Same same) const {
    // ORDER(map.table): seq_cst; pairs with the store in Replace(); see reclaim.h for why not
    // acquire.
    const Table* const table = table_.load(std::memory_order_seq_cst);
    if (table == nullptr) return nullptr;
    for (size_t i = hash & table->mask;; i = (i + 1) & table->mask) {
      // ORDER(map.slot): seq_cst; pairs with the stores in Put() and Remove().
      const MapEntry* const entry = table->slots[i].load(std::memory_order_seq_cst);
      if (entry == nullptr) return nullptr;
      if (entry != Removed() && entry->hash == hash && same(entry)) return entry;
    }
  }

  // Where the key is, or where it would be put. Valid until the next change. Makes room if there is
  // none.
  template <typename Same>
  Slot FindSlot(uint64_t hash, Same same) {
    const Table& table = WithRoom();
    Slot vacant = kNoSlot;
    for (Slot i = hash & table.mask;; i = (i + 1) & table.mask) {
      // Relaxed, here and in all that only the writer calls: it reads what it wrote.
      const MapEntry* const entry = table.slots[i].load(std::memory_order_relaxed);
      if (entry == nullptr) return vacant != kNoSlot ? vacant : i;
      if (entry == Removed()) {
        if (vacant == kNoSlot) vacant = i;
      } else if (entry->hash == hash && same(entry)) {
        return i;
      }
    }
  }

  // What is in the slot; null if nothing.
  const MapEntry* At(Slot slot) const {
    const MapEntry* const entry =
        table_.load(std::memory_order_relaxed)->slots[slot].load(std::memory_order_relaxed);
    return entry == Removed() ? nullptr : entry;
  }

  // Puts an entry, which the index owns from now on, where FindSlot() has said. What was there is
  // retired.
  void Put(Slot slot, MapEntry* entry);
  void Remove(Slot slot);
  void Clear();

  size_t size() const { return live_; }

  template <typename Visit>
  void ForEach(Visit visit) const {
    const Table* const table = table_.load(std::memory_order_relaxed);
    if (table == nullptr) return;
    for (size_t i = 0; i <= table->mask; ++i) {
      const MapEntry* const entry = table->slots[i].load(std::memory_order_relaxed);
      if (entry != nullptr && entry != Removed()) visit(entry);
    }
  }

 private:
  struct Table : Retired {
    size_t mask;
    sched_internal::VisibleAtom<MapEntry*> slots[1];  // mask + 1 of them
  };

  static constexpr Slot kNoSlot = SIZE_MAX;
  static constexpr size_t kMinSlots = 8;

  static MapEntry* Removed() { return reinterpret_cast<MapEntry*>(1); }
  static Table* NewTable(size_t slots);
  static void DestroyTable(Retired* table);

  const Table& WithRoom() {
    Table* const table = table_.load(std::memory_order_relaxed);
    // Of the slots at least a quarter stays empty, so that searches end.
    if (table != nullptr && (used_ + 1) * 4 <= (table->mask + 1) * 3) [[likely]]
      return *table;
    return Rebuild();
  }
  const Table& Rebuild();
  void Replace(Table* table);

  sched_internal::VisibleAtom<Table*> table_{nullptr};
  // The writer's.
  size_t used_ = 0;  // slots that are not empty
  size_t live_ = 0;  // of these, with an entry
};

}  // namespace weft::sync_internal

#endif  // WEFT_SYNC_INTERNAL_MAP_SHARD_H_
