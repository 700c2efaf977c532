#include "weft/sync/internal/map_shard.h"

#include <algorithm>
#include <bit>
#include <new>

namespace weft::sync_internal {

using sched_internal::VisibleAtom;

MapIndex::Table* MapIndex::NewTable(size_t slots) {
  auto* const table = static_cast<Table*>(
      ::operator new(sizeof(Table) + (slots - 1) * sizeof(VisibleAtom<MapEntry*>)));
  ::new (table) Retired{&DestroyTable, nullptr, 0};
  table->mask = slots - 1;
  for (size_t i = 0; i < slots; ++i) ::new (&table->slots[i]) VisibleAtom<MapEntry*>(nullptr);
  return table;
}

void MapIndex::DestroyTable(Retired* table) { ::operator delete(static_cast<Table*>(table)); }

MapIndex::~MapIndex() {
  // Relaxed: whoever destroys the map has synchronized with all others.
  Table* const table = table_.load(std::memory_order_relaxed);
  ForEach([](const MapEntry* entry) { entry->destroy(const_cast<MapEntry*>(entry)); });
  if (table != nullptr) DestroyTable(table);
}

void MapIndex::Put(Slot slot, MapEntry* entry) {
  VisibleAtom<MapEntry*>& place = table_.load(std::memory_order_relaxed)->slots[slot];
  MapEntry* const before = place.load(std::memory_order_relaxed);
  // ORDER(map.slot): seq_cst; pairs with Find(). Publishes the entry; before Retire().
  place.store(entry, std::memory_order_seq_cst);
  if (before == nullptr) ++used_;
  if (before == nullptr || before == Removed()) {
    ++live_;
  } else {
    Retire(before);
  }
}

void MapIndex::Remove(Slot slot) {
  VisibleAtom<MapEntry*>& place = table_.load(std::memory_order_relaxed)->slots[slot];
  MapEntry* const before = place.load(std::memory_order_relaxed);
  // ORDER(map.slot): seq_cst; pairs with Find(); before Retire().
  place.store(Removed(), std::memory_order_seq_cst);
  --live_;
  Retire(before);
}

// Doubles the table if it is full of entries; else only sweeps the removed ones out.
const MapIndex::Table& MapIndex::Rebuild() {
  Table* const table = NewTable(std::max(kMinSlots, std::bit_ceil((live_ + 1) * 2)));
  ForEach([&](const MapEntry* entry) {
    size_t i = entry->hash & table->mask;
    while (table->slots[i].load(std::memory_order_relaxed) != nullptr) i = (i + 1) & table->mask;
    table->slots[i].store(const_cast<MapEntry*>(entry), std::memory_order_relaxed);
  });
  used_ = live_;
  Replace(table);
  return *table;
}

void MapIndex::Clear() {
  Table* const table = table_.load(std::memory_order_relaxed);
  if (table == nullptr) return;
  // ORDER(map.table): seq_cst; pairs with Find(); before Retire().
  table_.store(nullptr, std::memory_order_seq_cst);
  for (size_t i = 0; i <= table->mask; ++i) {
    MapEntry* const entry = table->slots[i].load(std::memory_order_relaxed);
    if (entry != nullptr && entry != Removed()) Retire(entry);
  }
  Retire(table);
  used_ = live_ = 0;
}

void MapIndex::Replace(Table* table) {
  Table* const before = table_.load(std::memory_order_relaxed);
  // ORDER(map.table): seq_cst; pairs with Find(). Publishes the table; before Retire().
  table_.store(table, std::memory_order_seq_cst);
  if (before != nullptr) Retire(before);
}

}  // namespace weft::sync_internal
