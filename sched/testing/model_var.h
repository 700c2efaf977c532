// model_var.h: plain data under the model explorer. Two accesses of different threads, one of them
// a write, that no synchronization orders are a data race, and fail the exploration whichever came
// first.
//
// A Var<T> is a regular type: its copies, moves and destruction are reads and writes too, so that
// Chan<Var<int>> has its slots checked. History goes by address and lasts for the execution: memory
// that one thread frees and another one allocates for a Var again would be reported; take such
// objects from Program::Make().
#ifndef WEFT_SCHED_TESTING_MODEL_VAR_H_
#define WEFT_SCHED_TESTING_MODEL_VAR_H_

#include <utility>

#include "weft/sched/testing/model_atomic.h"

namespace weft::sched_internal::model {

namespace internal {

void PlainRead(const void* address, Site site);
void PlainWrite(const void* address, Site site);

}  // namespace internal

template <typename T>
class Var {
 public:
  Var(Site site = Site::Here()) : value_() { Written(site); }
  Var(T value, Site site = Site::Here()) : value_(std::move(value)) { Written(site); }
  Var(const Var& other) : value_(other.Get()) { Written(Site::Here()); }
  Var(Var&& other) noexcept : value_(other.Take()) { Written(Site::Here()); }
  Var& operator=(const Var& other) {
    Set(other.Get());
    return *this;
  }
  Var& operator=(Var&& other) noexcept {
    Set(other.Take());
    return *this;
  }
  ~Var() { Written(Site::Here()); }

  const T& Get(Site site = Site::Here()) const {
    internal::PlainRead(&value_, site);
    return value_;
  }

  void Set(T value, Site site = Site::Here()) {
    Written(site);
    value_ = std::move(value);
  }

  T Take(Site site = Site::Here()) {
    Written(site);
    return std::move(value_);
  }

 private:
  void Written(Site site) { internal::PlainWrite(&value_, site); }

  T value_;
};

}  // namespace weft::sched_internal::model

#endif  // WEFT_SCHED_TESTING_MODEL_VAR_H_
