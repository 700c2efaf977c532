#include "weft/sched/internal/fiber_values.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "weft/sched/internal/race.h"
#include "weft/sched/internal/thread_local.h"
#include "weft/sched/internal/worker.h"
#include "weft/sched/panic.h"

namespace weft::sched_internal {
namespace {

constinit Atom<uint64_t> last_key{0};

// Destroys what a plain thread carries when it ends.
void EndThreadValues(void*) {
  ThreadLocals* locals = CurrentThreadLocals();
  if (locals->values != nullptr) locals->values->Clear();
  delete std::exchange(locals->values, nullptr);
  Unreference(std::exchange(locals->labels, nullptr));
}

// Has EndThreadValues() called for the calling thread.
void Announce(ThreadLocals* locals) {
  static const pthread_key_t key = [] {
    pthread_key_t made;
    if (pthread_key_create(&made, &EndThreadValues) != 0) Fatal("out of thread-specific keys");
    return made;
  }();
  pthread_setspecific(key, locals);
}

}  // namespace

void FiberValues::Clear() {
  while (!entries_.empty()) {
    const Entry youngest = entries_.back();
    entries_.pop_back();
    youngest.destroy(youngest.value);
  }
}

void* FiberValues::Find(uint64_t key) const {
  for (const Entry& entry : entries_) {
    if (entry.key == key) return entry.value;
  }
  return nullptr;
}

void FiberValues::Add(uint64_t key, void* value, Destroy destroy) {
  entries_.push_back({key, value, destroy});
}

void FiberValues::Remove(uint64_t key) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [key](const Entry& entry) { return entry.key == key; });
  if (found == entries_.end()) return;
  const Entry entry = *found;
  entries_.erase(found);
  entry.destroy(entry.value);
}

// Relaxed: only unique.
uint64_t NewFiberLocalKey() { return last_key.fetch_add(1, std::memory_order_relaxed) + 1; }

FiberValues* CurrentFiberValues(bool make) {
  Fiber* fiber = CurrentFiber();
  ThreadLocals* locals = fiber == nullptr ? CurrentThreadLocals() : nullptr;
  FiberValues*& values = fiber != nullptr ? fiber->values : locals->values;
  if (values == nullptr && make) {
    values = new FiberValues;
    if (locals != nullptr) Announce(locals);
  }
  return values;
}

LabelSet* CurrentLabelSet() {
  const Fiber* fiber = CurrentFiber();
  return fiber != nullptr ? fiber->labels : CurrentThreadLocals()->labels;
}

LabelSet* ExchangeLabelSet(LabelSet* set) {
  if (Fiber* fiber = CurrentFiber()) return std::exchange(fiber->labels, set);
  ThreadLocals* locals = CurrentThreadLocals();
  Announce(locals);
  return std::exchange(locals->labels, set);
}

LabelSet* Reference(LabelSet* set) {
  // Relaxed: who has a reference keeps the set alive.
  if (set != nullptr) set->references.fetch_add(1, std::memory_order_relaxed);
  return set;
}

void Unreference(LabelSet* set) {
  if (set == nullptr) return;
  race::Release(set);
  // ORDER(labels.references): acq_rel; pairs with itself: the last one deletes after all others
  // have read.
  if (set->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  race::Acquire(set);
  delete set;
}

void EndFiberValues(Fiber* fiber) {
  // Its destructors may still use them.
  if (fiber->values != nullptr) fiber->values->Clear();
  delete std::exchange(fiber->values, nullptr);
  Unreference(std::exchange(fiber->labels, nullptr));
}

}  // namespace weft::sched_internal
