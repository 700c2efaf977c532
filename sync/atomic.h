// atomic.h: atomics whose operations are all sequentially consistent, and a value of any type that
// changes atomically.
//
// Go: sync/atomic: the types Int32 … Uintptr, Bool and Pointer (Atomic<T>), and Value (Value<T>,
//   typed at compile time).
//
// Thread safety: all methods.
// Blocks: nothing. Value<T> may spin for the few instructions that another's access takes.
// Ordering: all operations on all atomics form one total order, as in Go.
// Lifetime: the object must outlive its users; what Value::Load() returns lives as long as somebody
//   holds it.
// Misuse: storing a null pointer or an empty function into a Value panics: `sync/atomic: store of
//   nil value into Value`.
// Cost: Atomic<T>: one machine instruction. Value<T>: Load() about 5 ns alone, Store() one
//   allocation.
//
//   weft::Atomic<int64_t> hits;
//   hits.Add(1);
//   weft::Value<Config> config;
//   config.Store(ReadConfig());
//   if (std::shared_ptr<const Config> c = config.Load()) Use(*c);
#ifndef WEFT_SYNC_ATOMIC_H_
#define WEFT_SYNC_ATOMIC_H_

#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "weft/sched/internal/atomic.h"
#include "weft/sched/internal/race.h"
#include "weft/sched/internal/safepoint.h"
#include "weft/sched/internal/sim_hooks.h"
#include "weft/sched/internal/spin_lock.h"
#include "weft/sched/panic.h"

namespace weft {

template <typename T>
concept AtomicInteger = std::integral<T> && !std::same_as<T, bool>;

// T is an integer, bool or a pointer. Aligned to its size also where the platform would not.
template <typename T>
class Atomic {
  static_assert(std::integral<T> || std::is_pointer_v<T>, "use Value<T> for other types");

 public:
  constexpr Atomic() = default;
  constexpr explicit Atomic(T value) : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  // ORDER(go.atomic) in all of them: seq_cst; pairs with every other. Go's memory model asks for
  // one total order.
  T Load() const {
    const T value = value_.load(std::memory_order_seq_cst);
    sched_internal::SimPoint(sched_internal::Op::kAtomicLoad, this);
    return value;
  }
  void Store(T value) {
    value_.store(value, std::memory_order_seq_cst);
    Written();
  }

  // Returns the old value.
  T Swap(T value) {
    const T old = value_.exchange(value, std::memory_order_seq_cst);
    Written();
    return old;
  }

  // Stores `desired` and returns true if the value is `expected`.
  bool CompareAndSwap(T expected, T desired) {
    const bool swapped = value_.compare_exchange_strong(
        expected, desired, std::memory_order_seq_cst, std::memory_order_seq_cst);
    Written();
    return swapped;
  }

  // Returns the new value, as in Go.
  T Add(T delta) requires AtomicInteger<T> {
    // Unsigned, so that it wraps around as in Go.
    using Bits = std::make_unsigned_t<T>;
    const T old = value_.fetch_add(delta, std::memory_order_seq_cst);
    Written();
    return static_cast<T>(static_cast<Bits>(old) + static_cast<Bits>(delta));
  }

  // And() and Or() return the old value, as in Go.
  T And(T mask) requires AtomicInteger<T> {
    const T old = value_.fetch_and(mask, std::memory_order_seq_cst);
    Written();
    return old;
  }
  T Or(T mask) requires AtomicInteger<T> {
    const T old = value_.fetch_or(mask, std::memory_order_seq_cst);
    Written();
    return old;
  }

 private:
  // A simulation may let others run between any two operations.
  void Written() { sched_internal::SimPoint(sched_internal::Op::kAtomicWrite, this); }

  alignas(sizeof(T)) sched_internal::VisibleAtom<T> value_{};
};

// An object that is replaced as a whole. Load() returns null until the first Store().
template <typename T>
class Value {
 public:
  Value() = default;
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;

  // What was stored last. It stays as it is, and alive, while the caller holds it.
  std::shared_ptr<const T> Load() const {
    std::shared_ptr<const T> value = Peek();
    sched_internal::SimPoint(sched_internal::Op::kAtomicLoad, this);
    return value;
  }

  void Store(T value) { Swap(std::move(value)); }

  // Returns what it replaced.
  std::shared_ptr<const T> Swap(T value) {
    auto next = Wrap(std::move(value));
    race::Release(this);
    {
      const race::Ignore ignore;
      sched_internal::SpinLockHolder holder(lock_);
      value_.swap(next);
    }
    race::Acquire(this);
    Written();
    return next;
  }

  // Stores `desired` and returns true if the value equals `expected`.
  bool CompareAndSwap(const T& expected, T desired) requires std::equality_comparable<T> {
    auto next = Wrap(std::move(desired));
    // Compared outside of the lock: == is the user's code.
    std::shared_ptr<const T> seen = Peek();
    bool swapped = false;
    while (!swapped && seen != nullptr && *seen == expected) swapped = Replace(&seen, &next);
    Written();
    return swapped;
  }

  // Stores `desired` and returns true if nothing was stored yet.
  bool CompareAndSwap(std::nullptr_t, T desired) {
    auto next = Wrap(std::move(desired));
    std::shared_ptr<const T> seen;
    const bool swapped = Replace(&seen, &next);
    Written();
    return swapped;
  }

 private:
  std::shared_ptr<const T> Peek() const {
    std::shared_ptr<const T> value;
    {
      const race::Ignore ignore;
      sched_internal::SpinLockHolder holder(lock_);
      value = value_;
    }
    race::Acquire(this);
    return value;
  }

  // Swaps if the value is `seen`, else changes `seen` to what it is.
  bool Replace(std::shared_ptr<const T>* seen, std::shared_ptr<const T>* next) {
    std::shared_ptr<const T> other;  // outlives the lock
    race::Release(this);
    bool replaced;
    {
      const race::Ignore ignore;
      sched_internal::SpinLockHolder holder(lock_);
      replaced = value_ == *seen;
      if (replaced) {
        value_.swap(*next);
      } else {
        other = value_;
        seen->swap(other);
      }
    }
    race::Acquire(this);
    return replaced;
  }

  void Written() { sched_internal::SimPoint(sched_internal::Op::kAtomicWrite, this); }

  static std::shared_ptr<const T> Wrap(T value) {
    if constexpr (requires { value == nullptr; }) {
      if (value == nullptr) Panic("sync/atomic: store of nil value into Value");
    }
    return std::make_shared<const T>(std::move(value));
  }

  mutable sched_internal::SpinLock lock_;
  std::shared_ptr<const T> value_ ABSL_GUARDED_BY(lock_);
};

}  // namespace weft

#endif  // WEFT_SYNC_ATOMIC_H_
