// fiber_local.h: a variable of which each fiber has its own, as thread_local is for threads.
//
// A thread_local is wrong in a fiber: after any call that can park, the fiber may be on another
// thread. What most programs want is a context::Context with values, or an argument; this is for
// libraries whose interfaces have room for neither.
//
// Go: none, on purpose: such state is invisible to its users. Fibers have no public id for the same
//   reason.
//
// Thread safety: a FiberLocal may be used by all fibers and threads at once; each sees its own
//   value only.
// Blocks: nothing; T's constructor and destructor may.
// Ordering: none is needed.
// Lifetime: a value is made by the first use, and destroyed on its fiber when that has ended: after
//   its function and closure, the youngest value first. References stay valid until then, also
//   across parking. On a plain thread the value is the thread's, and is destroyed at the thread's
//   end; like thread_locals of other threads, not when the process ends first. New fibers inherit
//   nothing (labels.h does). A FiberLocal that is destroyed leaves the values to those ends, so
//   make it a global.
// Misuse: a destructor of T that makes a value each time it runs never comes to an end.
// Cost: about 4 ns for a fiber that has few, growing with their number; one or two allocations at
//   the first use. Fibers that use none pay nothing.
//
//   weft::FiberLocal<std::string> request_id;
//   …
//   *request_id = header.id;
//   Log("%s: done", request_id->c_str());
#ifndef WEFT_SCHED_FIBER_LOCAL_H_
#define WEFT_SCHED_FIBER_LOCAL_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "weft/sched/internal/fiber_values.h"

namespace weft {

template <typename T>
class FiberLocal {
 public:
  FiberLocal() : key_(sched_internal::NewFiberLocalKey()) {}
  FiberLocal(const FiberLocal&) = delete;
  FiberLocal& operator=(const FiberLocal&) = delete;

  // The caller's value; T() if it has none yet.
  T& operator*() const {
    T* value = Find();
    return value != nullptr ? *value : Add(std::make_unique<T>());
  }
  T* operator->() const { return &**this; }

  // The caller's value, or null.
  T* Find() const {
    const sched_internal::FiberValues* values = sched_internal::CurrentFiberValues(false);
    return values == nullptr ? nullptr : static_cast<T*>(values->Find(key_));
  }

  // Replaces the caller's value by T(args...).
  template <typename... Args>
  T& Emplace(Args&&... args) const {
    auto value = std::make_unique<T>(std::forward<Args>(args)...);
    Reset();
    return Add(std::move(value));
  }

  // Destroys the caller's value, if there is one.
  void Reset() const {
    if (auto* values = sched_internal::CurrentFiberValues(false)) values->Remove(key_);
  }

 private:
  T& Add(std::unique_ptr<T> value) const {
    T* raw = value.get();
    sched_internal::CurrentFiberValues(true)->Add(key_, raw,
                                                  [](void* it) { delete static_cast<T*>(it); });
    return *value.release();
  }

  const uint64_t key_;
};

}  // namespace weft

#endif  // WEFT_SCHED_FIBER_LOCAL_H_
