// func_pool.h: a WorkerPool whose workers all call the same function, each time with another
// argument.
//
// Go: ants.PoolWithFunc and PoolWithFuncGeneric: Invoke. Everything else as in worker_pool.h.
//
// Thread safety: all methods; the function is called by many fibers at the same time.
// Blocks, Ordering, Lifetime: as WorkerPool.
// Misuse: as WorkerPool; an empty function panics.
// Cost: as WorkerPool; the argument is moved twice and never allocated.
//
//   weft::FuncPool<Request> pool(100, [&](Request request) { Handle(std::move(request)); });
//   if (absl::Status s = pool.Invoke(request); !s.ok()) Reject(request);
#ifndef WEFT_PATTERNS_FUNC_POOL_H_
#define WEFT_PATTERNS_FUNC_POOL_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "weft/context/context.h"
#include "weft/patterns/worker_pool.h"
#include "weft/sched/panic.h"

namespace weft {

namespace patterns_internal {

template <typename T>
class CallWithItem {
 public:
  explicit CallWithItem(std::function<void(T)> fn) : fn_(std::move(fn)) {
    if (!fn_) Panic("must provide function for pool");
  }
  void operator()(T& item) const { fn_(std::move(item)); }

 private:
  std::function<void(T)> fn_;
};

}  // namespace patterns_internal

template <typename T>
class FuncPool : public patterns_internal::PoolControls<T, patterns_internal::CallWithItem<T>> {
  using Base = patterns_internal::PoolControls<T, patterns_internal::CallWithItem<T>>;

 public:
  FuncPool(int64_t capacity, std::function<void(T)> fn, PoolOptions options = {})
      : Base(capacity, std::move(options), patterns_internal::CallWithItem<T>(std::move(fn))) {}

  // Has the function called with `argument` by a worker. Errors as WorkerPool::Submit().
  absl::Status Invoke(T argument) { return this->Offer(argument); }
  absl::Status Invoke(const Context& ctx, T argument) { return this->Offer(ctx, argument); }
};

}  // namespace weft

#endif  // WEFT_PATTERNS_FUNC_POOL_H_
