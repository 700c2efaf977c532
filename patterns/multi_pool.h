// multi_pool.h: several pools side by side, so that submitters do not meet at one lock.
//
// Go: ants.MultiPool, MultiPoolWithFunc and MultiPoolWithFuncGeneric: MultiPool<WorkerPool> and
//   MultiPool<FuncPool<T>>.
//
// When not to use it: with one submitter, or tasks of a microsecond and more, one pool is as fast.
//
// Thread safety: all methods.
// Blocks: as the pools: a submission waits in the one pool that was chosen for it.
// Ordering, Lifetime: as WorkerPool.
// Misuse: less than one pool panics.
// Cost: as WorkerPool and an atomic increment; kLeastTasks looks at every pool.
//
//   weft::MultiPool<weft::WorkerPool> pool(4, weft::Balance::kRoundRobin, 1000);
//   (void)pool.Submit([] { Work(); });
#ifndef WEFT_PATTERNS_MULTI_POOL_H_
#define WEFT_PATTERNS_MULTI_POOL_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "weft/context/context.h"
#include "weft/patterns/internal/clock.h"
#include "weft/patterns/internal/pool_base.h"
#include "weft/sched/panic.h"

namespace weft {

enum class Balance : uint8_t {
  kRoundRobin,  // in turn; one that refuses for overload is followed by the least loaded
  kLeastTasks,  // the one with the fewest workers
};

template <typename Pool>
class MultiPool {
 public:
  using Item = typename Pool::Item;

  // `arguments` go to the constructor of each pool: capacity, function, options.
  template <typename... Arguments>
  MultiPool(int pools, Balance balance, const Arguments&... arguments) : balance_(balance) {
    if (pools < 1) Panic("invalid size for multiple pool");
    for (int i = 0; i < pools; ++i) pools_.push_back(std::make_unique<Pool>(arguments...));
  }

  absl::Status Submit(Item item) {
    return Offer([&item](Pool& pool) { return pool.Offer(item); });
  }
  absl::Status Submit(const Context& ctx, Item item) {
    return Offer([&](Pool& pool) { return pool.Offer(ctx, item); });
  }
  // The same, as FuncPool calls it.
  absl::Status Invoke(Item item) { return Submit(std::move(item)); }
  absl::Status Invoke(const Context& ctx, Item item) { return Submit(ctx, std::move(item)); }

  // Sums over the pools.
  int64_t Running() const { return Sum(&Pool::Running); }
  int64_t Free() const { return Sum(&Pool::Free); }
  int64_t Waiting() const { return Sum(&Pool::Waiting); }
  int64_t Cap() const { return Sum(&Pool::Cap); }

  // Of one; kInvalidArgument if there is none with that number.
  absl::StatusOr<int64_t> RunningByIndex(int i) const { return At(i, &Pool::Running); }
  absl::StatusOr<int64_t> FreeByIndex(int i) const { return At(i, &Pool::Free); }
  absl::StatusOr<int64_t> WaitingByIndex(int i) const { return At(i, &Pool::Waiting); }

  // Of each pool.
  void Tune(int64_t capacity) {
    for (auto& pool : pools_) pool->Tune(capacity);
  }

  bool IsClosed() const { return pools_.front()->IsClosed(); }

  void Release() {
    for (auto& pool : pools_) pool->Release();
  }

  // Closes all, then waits for all, `patience` in total. The first error.
  absl::Status ReleaseTimeout(absl::Duration patience) {
    if (IsClosed()) return patterns_internal::PoolClosedError();
    Release();
    const absl::Time deadline = patterns_internal::Now() + patience;
    for (auto& pool : pools_) {
      if (!pool->AwaitReleased(deadline - patterns_internal::Now())) {
        return patterns_internal::PoolTimeoutError();
      }
    }
    return absl::OkStatus();
  }

  void Reboot() {
    for (auto& pool : pools_) pool->Reboot();
  }

 private:
  template <typename OfferTo>
  absl::Status Offer(OfferTo offer_to) {
    if (balance_ == Balance::kLeastTasks) return offer_to(LeastLoaded());
    // Relaxed: any spread will do.
    const uint64_t turn = turn_.fetch_add(1, std::memory_order_relaxed);
    absl::Status status = offer_to(*pools_[turn % pools_.size()]);
    if (!absl::IsResourceExhausted(status)) return status;
    return offer_to(LeastLoaded());
  }

  Pool& LeastLoaded() const {
    return **std::min_element(pools_.begin(), pools_.end(), [](const auto& a, const auto& b) {
      return a->Running() < b->Running();
    });
  }

  // -1 of one, which is unlimited, is -1 of all.
  int64_t Sum(int64_t (Pool::*count)() const) const {
    int64_t sum = 0;
    for (const auto& pool : pools_) {
      const int64_t n = (*pool.*count)();
      if (n < 0) return n;
      sum += n;
    }
    return sum;
  }

  absl::StatusOr<int64_t> At(int i, int64_t (Pool::*count)() const) const {
    if (i < 0 || i >= static_cast<int>(pools_.size())) {
      return absl::InvalidArgumentError("invalid pool index");
    }
    return (*pools_[i].*count)();
  }

  const Balance balance_;
  std::vector<std::unique_ptr<Pool>> pools_;
  std::atomic<uint64_t> turn_{0};
};

}  // namespace weft

#endif  // WEFT_PATTERNS_MULTI_POOL_H_
