// What a fiber carries besides its stack: values of FiberLocal, and labels. A plain thread carries
// the same.
//
// Thread safety: only the fiber or thread itself uses its own.
#ifndef WEFT_SCHED_INTERNAL_FIBER_VALUES_H_
#define WEFT_SCHED_INTERNAL_FIBER_VALUES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "weft/sched/internal/atomic.h"

namespace weft::sched_internal {

struct Fiber;

// The values of one fiber or thread, by key. A few at most, so they are searched one by one.
class FiberValues {
 public:
  using Destroy = void (*)(void* value);

  FiberValues() = default;
  FiberValues(const FiberValues&) = delete;
  FiberValues& operator=(const FiberValues&) = delete;
  ~FiberValues() { Clear(); }

  // Destroys the values, the youngest first, and those that are made meanwhile.
  void Clear();
  // Null: none.
  void* Find(uint64_t key) const;
  void Add(uint64_t key, void* value, Destroy destroy);
  void Remove(uint64_t key);

 private:
  struct Entry {
    uint64_t key;
    void* value;
    Destroy destroy;
  };
  std::vector<Entry> entries_;
};

// Never used twice.
uint64_t NewFiberLocalKey();

// The caller's; null if it has none and `make` is false.
FiberValues* CurrentFiberValues(bool make);

// Labels, by key in their order. Shared by the fibers that inherited them, and never changed.
struct LabelSet {
  Atom<uint32_t> references{1};
  std::vector<std::pair<std::string, std::string>> labels;
};

// The caller's; null: none. The caller's reference remains the caller's.
LabelSet* CurrentLabelSet();
// Gives the caller `set`, and the reference that comes with it. Returns the former one likewise.
LabelSet* ExchangeLabelSet(LabelSet* set);
LabelSet* Reference(LabelSet* set);  // may be null, as below
void Unreference(LabelSet* set);

// At the end of a fiber, on it: destroys what it carries.
void EndFiberValues(Fiber* fiber);

}  // namespace weft::sched_internal

#endif  // WEFT_SCHED_INTERNAL_FIBER_VALUES_H_
